// The model, off the page's thread: samples in, arousal, dominance, valence and the time it took out.
//
// One request after the other: a session runs one at a time. Everything is checked by its hash
// before it is loaded; one thread, so that no special headers are needed.

import { checkedFetch } from "./checked-fetch.js";

let ort;
let session;
let site;
let turn = Promise.resolve();

self.onmessage = ({ data }) => {
  turn = turn.then(() => answer(data));
};

async function answer({ id, action, argument }) {
  try {
    const result = action === "load" ? await load(argument) : await predict(argument);
    self.postMessage({ id, result });
  } catch (error) {
    self.postMessage({ id, message: error?.message ?? String(error), hint: error?.hint ?? "" });
  }
}

/** @param {object} described `site.json` */
async function load(described) {
  site = described;
  const [model, wasm, module] = await Promise.all([
    checkedFetch(site.model.file, site.model.sha256),
    checkedFetch(site.runtime.wasm, site.runtime.sha256),
    import(`./${site.runtime.module}`),
  ]);
  ort = module;
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = wasm;
  session = await ort.InferenceSession.create(model, {
    executionProviders: ["wasm"],
    logSeverityLevel: 3,
  });
  // The first run sets buffers up; its time would say nothing of the others.
  await predict(new Float32Array(site.window_samples));
}

/**
 * @param {Float32Array} samples 16 kHz mono, about [-1, 1]
 * @returns {Promise<{values: number[], milliseconds: number}>} in the order of `site.dimensions`
 */
async function predict(samples) {
  const input = new ort.Tensor("float32", samples, [1, samples.length]);
  const start = performance.now();
  const outputs = await session.run({ [site.model.input]: input });
  const milliseconds = performance.now() - start;
  return { values: Array.from(outputs[site.model.output].data), milliseconds };
}
