// The page's side of the model's worker: calls that are promises.

import { Failure } from "./failure.js";

export class Model {
  constructor() {
    this.waiting = new Map();
    this.next = 0;
    this.worker = new Worker(new URL("./model-worker.js", import.meta.url), { type: "module" });
    this.worker.onmessage = ({ data }) => this.#settle(data);
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.#failAll(event.message || "its files could not be loaded");
    };
  }

  /** @param {object} site `site.json` @throws {Failure} refused or unusable files */
  load(site) {
    return this.#call("load", site, []);
  }

  /**
   * @param {Float32Array} samples 16 kHz mono; taken, not copied
   * @returns {Promise<{values: number[], milliseconds: number}>}
   */
  predict(samples) {
    return this.#call("predict", samples, [samples.buffer]);
  }

  #call(action, argument, handed) {
    const id = this.next++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, action, argument }, handed);
    });
  }

  #settle({ id, result, message, hint }) {
    const { resolve, reject } = this.waiting.get(id);
    this.waiting.delete(id);
    if (message === undefined) resolve(result);
    else reject(new Failure(message, hint));
  }

  #failAll(why) {
    const failure = new Failure(`the model's worker stopped: ${why}`, "load the page again");
    for (const { reject } of this.waiting.values()) reject(failure);
    this.waiting.clear();
  }
}
