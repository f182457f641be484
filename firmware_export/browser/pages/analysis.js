// From samples to readings, for a microphone (the newest window matters) and a file (all do).

import { clippedSamples, levelDbfs } from "./level.js";
import { WindowScheduler } from "./windows.js";

const FILE_BLOCK = 16_000; // samples fed at once: keeps few windows in memory

/** @param {object} site `site.json` */
export function schedulerFor(site) {
  return new WindowScheduler({
    window: site.window_samples,
    hop: site.hop_samples,
    first: site.first_samples,
    shortest: site.shortest_samples,
  });
}

/**
 * A live stream. While the model is busy only the newest window waits; those it replaces are
 * counted as skipped, so that readings never lag behind.
 */
export class LiveAnalysis {
  /**
   * @param {object} site `site.json`
   * @param {import("./model-client.js").Model} model
   * @param {(reading: import("./readings.js").Reading) => void} onReading
   * @param {(error: Error) => void} onError
   */
  constructor(site, model, onReading, onError) {
    this.site = site;
    this.model = model;
    this.onReading = onReading;
    this.onError = onError;
    this.scheduler = schedulerFor(site);
    this.clipped = 0;
    this.skipped = 0;
    this.waiting = null;
    this.busy = null;
  }

  /** @param {Float32Array} block */
  feed(block) {
    this.clipped += clippedSamples(block);
    for (const window of this.scheduler.feed(block)) this.#offer(window);
  }

  /** The end: one more window if samples came since the last. @returns {Promise<void>} all is said */
  async finish() {
    const last = this.scheduler.flush();
    if (last) this.#offer(last);
    await this.busy;
  }

  #offer(window) {
    if (this.waiting) this.skipped += 1;
    this.waiting = window;
    this.busy ??= this.#work();
  }

  async #work() {
    try {
      while (this.waiting) {
        const window = this.waiting;
        this.waiting = null;
        this.onReading(await readingOf(window, this));
      }
    } catch (error) {
      this.onError(error);
    } finally {
      this.busy = null;
    }
  }
}

/**
 * Every window of a recording, in order.
 *
 * @param {object} site `site.json`
 * @param {import("./model-client.js").Model} model
 * @param {Float32Array} samples at the site's rate
 * @param {AbortSignal} signal ends it early
 * @yields {import("./readings.js").Reading}
 */
export async function* analyseAll(site, model, samples, signal) {
  const scheduler = schedulerFor(site);
  const counts = { site, model, clipped: 0, skipped: 0 };
  for (let at = 0; at < samples.length; at += FILE_BLOCK) {
    const block = samples.subarray(at, at + FILE_BLOCK);
    counts.clipped += clippedSamples(block);
    for (const window of scheduler.feed(block)) {
      if (signal.aborted) return;
      yield await readingOf(window, counts);
    }
  }
  const last = scheduler.flush();
  if (last && !signal.aborted) yield await readingOf(last, counts);
}

async function readingOf(window, { site, model, clipped, skipped }) {
  const { start, end, samples, partial } = window;
  const level = levelDbfs(samples.subarray(-site.hop_samples));
  const { values, milliseconds } = await model.predict(samples);
  const named = Object.fromEntries(site.dimensions.map((name, i) => [name, values[i]]));
  return {
    t: end / site.sample_rate,
    start_sample: start,
    end_sample: end,
    ...named,
    partial,
    level_dbfs: level,
    clipped,
    skipped,
    inference_ms: milliseconds,
  };
}
