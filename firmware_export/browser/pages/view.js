// What the page shows of readings, levels and failures. Computes nothing.
//
// Drawing waits for the next frame, so that a fast file does not draw each reading.

import { inWords } from "./failure.js";
import { lineSample, Plane, Trace } from "./plot.js";

const LIVE_SECONDS = 60; // of trace
const ROWS = 200; // of the table
const LOWEST_DBFS = -60; // of the meter; below it a window is called almost silent
const COLUMNS = [
  ["t", (reading) => reading.t.toFixed(2)],
  ["arousal", (reading) => reading.arousal.toFixed(4)],
  ["dominance", (reading) => reading.dominance.toFixed(4)],
  ["valence", (reading) => reading.valence.toFixed(4)],
  ["window s", (reading, rate) => ((reading.end_sample - reading.start_sample) / rate).toFixed(1)],
  ["level dBFS", (reading) => reading.level_dbfs.toFixed(1)],
  ["ms", (reading) => reading.inference_ms.toFixed(1)],
];

/** @param {string} id @returns {HTMLElement} */
export const part = (id) => document.getElementById(id);

export class View {
  /**
   * @param {object} site `site.json`
   * @param {import("./readings.js").Readings} readings shown
   */
  constructor(site, readings) {
    this.site = site;
    this.readings = readings;
    this.duration = null; // seconds of a file; null: the newest minute
    this.pending = false;
    this.bars = new Map(site.dimensions.map((name) => [name, valueRow(name)]));
    part("values").replaceChildren(...[...this.bars.values()].map(({ row }) => row));
    part("legend").replaceChildren(...site.dimensions.map(legendOf));
    part("table-head").replaceChildren(...COLUMNS.map(([name]) => cell("th", name)));
    this.plane = new Plane(part("plane"));
    this.trace = new Trace(part("trace"), site.dimensions);
    part("table-details").addEventListener("toggle", () => this.refresh());
    const { name, model, runtime, teacher } = site;
    part("about-model").textContent =
      `${name}, edge-ser ${site.version}: ${size(model.bytes)}, SHA-256 ${model.sha256.slice(0, 12)}…; ` +
      `teacher ${teacher.id} (${teacher.licence})`;
    part("about-runtime").textContent =
      `${runtime.name} ${runtime.version}, ${size(runtime.bytes)} of WebAssembly, one thread`;
  }

  /** @param {number | null} duration seconds of a file, null for a live stream */
  begin(duration) {
    this.duration = duration;
    this.refresh();
  }

  /** Draw the readings before the next frame. */
  refresh() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.#draw();
    });
  }

  /** @param {number} level @param {number} peak dBFS of the newest block */
  showLevel(level, peak) {
    const share = (dbfs) => `${100 * Math.max(0, Math.min(1, 1 - dbfs / LOWEST_DBFS))}%`;
    part("level-bar").style.width = share(level);
    part("peak-mark").style.left = `calc(${share(peak)} - 2px)`;
    part("level").textContent = `${level.toFixed(0)} dBFS`;
  }

  #draw() {
    const { list, forgotten } = this.readings;
    const last = list.at(-1);
    for (const [name, { bar, output }] of this.bars) {
      bar.style.width = last ? `${100 * Math.max(0, Math.min(1, last[name]))}%` : "0";
      output.textContent = last ? last[name].toFixed(3) : "–";
    }
    document.body.classList.toggle("quiet", Boolean(last) && last.level_dbfs < LOWEST_DBFS);
    part("moment").textContent = last ? momentOf(last, this.site) : "No reading yet.";
    this.plane.show(list);
    const to = this.duration ?? Math.max(LIVE_SECONDS, last?.t ?? 0);
    this.trace.show(list, this.duration === null ? to - LIVE_SECONDS : 0, to);
    part("count").textContent = String(list.length + forgotten);
    for (const id of ["download-json", "download-csv"]) part(id).disabled = list.length === 0;
    part("about-inference").textContent = inferenceOf(list, this.site);
    if (part("table-details").open) this.#fillTable(list, forgotten);
  }

  #fillTable(list, forgotten) {
    const shown = list.slice(-ROWS);
    part("table").replaceChildren(...shown.map((reading) => this.#row(reading)));
    const hidden = list.length - shown.length;
    part("table-caption").textContent =
      (hidden ? `the newest ${ROWS}; the downloads have ${list.length}` : "") +
      (forgotten ? `; ${forgotten} older ones were forgotten` : "");
  }

  #row(reading) {
    const row = document.createElement("tr");
    row.append(...COLUMNS.map(([, text]) => cell("td", text(reading, this.site.sample_rate))));
    return row;
  }
}

/** @param {string} sentence what the page is doing */
export function showState(sentence) {
  part("state").textContent = sentence;
}

/** @param {unknown} error shown until the next start; null takes it away */
export function showProblem(error) {
  part("problem").hidden = error === null;
  part("problem").textContent = error === null ? "" : inWords(error);
}

function valueRow(name) {
  const row = document.createElement("div");
  row.className = "value";
  const title = cell("span", name);
  const track = cell("span", "");
  track.className = "bar";
  const bar = cell("span", "");
  bar.className = name;
  track.append(bar);
  const output = cell("output", "–");
  output.setAttribute("aria-label", name);
  output.setAttribute("aria-live", "off"); // twice a second is too often to be read out
  row.append(title, track, output);
  return { row, bar, output };
}

function legendOf(name) {
  const item = document.createElement("span");
  item.append(lineSample(name), name);
  return item;
}

function cell(kind, text) {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

function momentOf(reading, { sample_rate: rate }) {
  const heard = ((reading.end_sample - reading.start_sample) / rate).toFixed(1);
  const parts = [`At ${reading.t.toFixed(1)} s, from ${heard} s of sound`];
  if (reading.level_dbfs < LOWEST_DBFS) parts.push("almost silence: the values mean nothing");
  if (reading.clipped) parts.push(`${reading.clipped} samples clipped`);
  if (reading.skipped) parts.push(`${reading.skipped} windows skipped: this device is too slow`);
  return `${parts.join("; ")}.`;
}

function inferenceOf(list, site) {
  if (!list.length) return "not measured yet";
  const times = list.slice(-200).map((reading) => reading.inference_ms).sort((a, b) => a - b);
  const hop = (1000 * site.hop_samples) / site.sample_rate;
  const median = times[times.length >> 1];
  const share = ((100 * median) / hop).toFixed(0);
  return (
    `median ${median.toFixed(1)} ms, slowest ${times.at(-1).toFixed(1)} ms per window, ` +
    `measured here; a window comes every ${hop} ms (${share} %)`
  );
}

function size(bytes) {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
