// Readings: what a window gave, kept within a bound, and as text to download.
//
// Field names are those of `edge-ser stream --json`; what needs a voice detector or the command's
// rules is not there.

export const MOST = 100_000; // 14 hours of a hop of 0.5 s; then the oldest go

/**
 * @typedef {{t: number, start_sample: number, end_sample: number, arousal: number,
 *            dominance: number, valence: number, partial: boolean, level_dbfs: number,
 *            clipped: number, skipped: number, inference_ms: number}} Reading
 */

export class Readings {
  /** @param {object} site `site.json` */
  constructor(site) {
    this.site = site;
    this.begin("");
  }

  /** @param {string} source microphone or file, for people */
  begin(source) {
    this.source = source;
    this.begun = new Date().toISOString();
    /** @type {Reading[]} */
    this.list = [];
    this.forgotten = 0;
  }

  /** @param {Reading} reading */
  add(reading) {
    this.list.push(reading);
    if (this.list.length <= MOST) return;
    const surplus = MOST / 10; // seldom, not at every reading
    this.list.splice(0, surplus);
    this.forgotten += surplus;
  }

  /** @returns {string} JSON: what ran, then every reading kept */
  json() {
    const { name, version, model, runtime, sample_rate, window_samples, hop_samples } = this.site;
    const head = {
      schema: 1,
      edge_ser: version,
      model: name,
      artefact: model.file,
      model_sha256: model.sha256,
      engine: runtime.name,
      engine_version: runtime.version,
      source: this.source,
      begun: this.begun,
      window_seconds: window_samples / sample_rate,
      hop_seconds: hop_samples / sample_rate,
      forgotten: this.forgotten,
    };
    return `${JSON.stringify({ ...head, readings: this.list }, null, 1)}\n`;
  }

  /** @returns {string} CSV: a header and one line per reading; numbers with a decimal point */
  csv() {
    const columns = Object.keys(this.list[0] ?? {});
    const lines = this.list.map((reading) => columns.map((name) => reading[name]).join(","));
    return `${[columns.join(","), ...lines].join("\r\n")}\r\n`;
  }
}
