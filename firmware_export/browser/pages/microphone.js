// The microphone as blocks of mono samples at the model's rate.
//
// The browser delivers at the microphone's own rate and this page resamples: Chromium's filter for
// an AudioContext of 16 kHz takes 3 dB at 6.5 kHz and 6 dB at 7.25 kHz, which the model hears. Where
// a browser (Firefox) refuses to connect a microphone to a context of that rate, the context runs
// at the browser's own.

import { Failure, microphoneFailure } from "./failure.js";
import { Resampler } from "./resampler.js";

const PROCESSING = {
  echoCancellation: "echo cancellation",
  noiseSuppression: "noise suppression",
  autoGainControl: "automatic gain",
};

/**
 * @typedef {{device: string, echoCancellation: boolean, noiseSuppression: boolean,
 *            autoGainControl: boolean}} Wishes
 */

export class Microphone {
  /**
   * @param {number} rate that blocks are to have
   * @param {(block: Float32Array) => void} onBlock
   * @param {(failure: Failure) => void} onEnd the microphone vanished or was taken away
   */
  constructor(rate, onBlock, onEnd) {
    this.rate = rate;
    this.onBlock = onBlock;
    this.onEnd = onEnd;
  }

  /** @param {Wishes} wishes @throws {Failure} no permission, no microphone, not usable */
  async start(wishes) {
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: constraints(wishes) });
      [this.track] = this.stream.getAudioTracks();
      this.track.onended = () =>
        this.onEnd(new Failure("the microphone was disconnected", "connect it and start again"));
      await this.#connect();
    } catch (error) {
      await this.stop();
      throw microphoneFailure(error);
    }
  }

  /** Ends capture and lets the microphone go. */
  async stop() {
    if (this.track) this.track.onended = null;
    if (this.node) this.node.port.onmessage = null;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    await this.#closeContext();
  }

  /** @returns {string} of the device */
  get name() {
    return this.track.label || "microphone";
  }

  /** @returns {number} samples per second that the browser delivers */
  get sourceRate() {
    return this.context.sampleRate;
  }

  /** @returns {string} what happens to the sound, and which processing is on whatever was asked */
  describe() {
    const settings = this.track.getSettings();
    const on = Object.entries(PROCESSING).filter(([key]) => settings[key]).map(([, name]) => name);
    const applied = on.length ? `the browser applies ${on.join(", ")}` : "otherwise unprocessed";
    const rates = [this.sourceRate, this.rate].map((rate) => rate.toLocaleString("en"));
    return `From ${rates[0]} to ${rates[1]} Hz by this page; ${applied}.`;
  }

  async #connect() {
    try {
      await this.#connectAt(this.track.getSettings().sampleRate);
    } catch (error) {
      if (error.name !== "NotSupportedError") throw error;
      await this.#closeContext();
      await this.#connectAt(undefined);
    }
  }

  async #connectAt(sampleRate) {
    this.context = new AudioContext({ sampleRate, latencyHint: "interactive" });
    const source = this.context.createMediaStreamSource(this.stream);
    await this.context.audioWorklet.addModule(new URL("./capture-worklet.js", import.meta.url));
    this.node = new AudioWorkletNode(this.context, "capture", { channelCountMode: "max" });
    const resampler = new Resampler(this.context.sampleRate, this.rate);
    this.node.port.onmessage = ({ data }) => this.onBlock(resampler.feed(data));
    source.connect(this.node);
    this.node.connect(this.context.destination); // silent, but only what is heard is computed
    await this.context.resume();
  }

  async #closeContext() {
    if (this.context && this.context.state !== "closed") await this.context.close();
  }
}

/** Microphones by name; the browser tells names only once it was allowed to use one. */
export async function listMicrophones() {
  const devices = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return devices.filter((device) => device.kind === "audioinput" && device.deviceId);
}

function constraints({ device, ...processing }) {
  return {
    channelCount: 1,
    ...processing,
    ...(device ? { deviceId: { exact: device } } : {}),
  };
}
