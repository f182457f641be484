// What the page shows of readings, levels and failures, on the live page's panels and drawings.
//
// Computes nothing. Drawing waits for the next frame, so that a fast file does not draw each reading.

import { colours } from "./drawing.js";
import { inWords } from "./failure.js";
import { History } from "./history.js";
import { LevelPanel, setText, showAbout, showValues } from "./panels.js";
import { Plane } from "./plane.js";
import { MOST } from "./readings.js";
import { Trace } from "./trace.js";

const LIVE_SECONDS = 60; // of trace
const ROWS = 200; // of the table
const SILENT_DBFS = -60; // the meter's lowest; a window below it is called almost silent
const UNKNOWN = {
  gaps: 0,
  arousal_confidence: null,
  dominance_confidence: null,
  valence_confidence: null,
  arousal_change: null,
  dominance_change: null,
  valence_change: null,
};
const COLUMNS = [
  ["t", ({ t }) => t.toFixed(2)],
  ["arousal", ({ arousal }) => arousal.toFixed(4)],
  ["dominance", ({ dominance }) => dominance.toFixed(4)],
  ["valence", ({ valence }) => valence.toFixed(4)],
  ["heard, s", (reading, rate) => heard(reading, rate).toFixed(1)],
  ["dBFS", (reading) => reading.level_dbfs.toFixed(1)],
  ["ms", (reading) => reading.inference_ms.toFixed(1)],
];

/** @param {string} id @returns {HTMLElement} */
export const part = (id) => document.getElementById(id);

/** Of a file: times count from its beginning. */
class FileTrace extends Trace {
  constructor(canvas, seconds) {
    super(canvas);
    this.seconds = seconds;
  }

  tickLabel(ago) {
    const t = Math.max(0, this.seconds - ago);
    return t < 60 ? `${t.toFixed(1)} s` : `${Math.floor(t / 60)}:${String(Math.floor(t % 60)).padStart(2, "0")}`;
  }
}

/** Of a file: nobody can turn its microphone down any more. */
class FileLevel extends LevelPanel {
  show(meter) {
    super.show(meter);
    part("clipping").hidden = meter.clipped === 0;
  }

  words({ level_dbfs: level, peak_dbfs: peak }) {
    setText(part("level-words"), `${decibels(level)}, peak ${decibels(peak)}`);
  }
}

export class View {
  /**
   * @param {object} site `site.json`
   * @param {import("./readings.js").Readings} readings shown
   */
  constructor(site, readings) {
    this.site = site;
    this.readings = readings;
    this.pending = false;
    this.plane = new Plane(part("plane"));
    part("table-head").replaceChildren(...COLUMNS.map(([name]) => cell("th", name)));
    part("table-details").addEventListener("toggle", () => this.refresh());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#repaint());
    new ResizeObserver(() => this.refresh()).observe(document.querySelector("main"));
    this.palette = colours();
    this.begin("microphone or file; audio never leaves this page", site.sample_rate, null);
  }

  /**
   * @param {string} source microphone or file, for people
   * @param {number} rate at which it came
   * @param {number | null} duration seconds of a file, null for a live stream
   */
  begin(source, rate, duration) {
    this.duration = duration;
    this.history = new History(null, duration ?? undefined, duration === null ? undefined : MOST);
    const canvas = part("trace");
    this.trace = duration === null ? new Trace(canvas) : new FileTrace(canvas, duration);
    if (duration === null) this.trace.seconds = LIVE_SECONDS;
    this.level = duration === null ? new LevelPanel() : new FileLevel();
    part("clipping").hidden = true;
    const { name, model, runtime, sample_rate, window_samples, hop_samples } = this.site;
    showAbout({
      model: name,
      artefact: `${model.file}, ${size(model.bytes)}, SHA-256 ${model.sha256.slice(0, 8)}…, edge-ser ${this.site.version}`,
      engine: runtime.name,
      engine_version: `${runtime.version}, ${size(runtime.bytes)} of WebAssembly, one thread`,
      source,
      source_rate: rate,
      window_seconds: window_samples / sample_rate,
      hop_seconds: hop_samples / sample_rate,
      level: "window",
      detector: "",
      recording: "",
    });
    this.refresh();
  }

  /** @param {import("./readings.js").Reading} reading the newest */
  add(reading) {
    this.history.add({ ...UNKNOWN, ...reading, state: stateOf(reading) });
    this.refresh();
  }

  /** @param {{level_dbfs: number, peak_dbfs: number, clipped: number}} meter of the newest block */
  showLevel(meter) {
    this.level.show({ ...meter, speech: null });
  }

  /** Draw before the next frame. */
  refresh() {
    if (this.pending) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.#draw();
    });
  }

  #repaint() {
    this.palette = colours();
    this.refresh();
  }

  #draw() {
    const { list, forgotten } = this.readings;
    const last = list.at(-1) ?? null;
    const hop = this.site.hop_samples / this.site.sample_rate;
    showValues(last && { ...UNKNOWN, ...last }, last !== null && stateOf(last) === "speech");
    this.trace.draw(this.history, this.duration ?? last?.t ?? 0, hop, this.palette);
    this.plane.draw(this.history, last?.t ?? 0, hop, this.palette);
    setText(part("moment"), last ? momentOf(last, this.site.sample_rate) : "–");
    setText(part("speed"), speedOf(list, hop));
    setText(part("count"), (list.length + forgotten).toLocaleString("en"));
    for (const id of ["download-json", "download-csv"]) part(id).disabled = list.length === 0;
    if (part("table-details").open) this.#fillTable(list, forgotten);
    this.#describe(last);
  }

  /** For those who do not see the canvases. */
  #describe(last) {
    const words = last
      ? this.site.dimensions.map((name) => `${name} ${last[name].toFixed(2)}`).join(", ")
      : "no reading yet";
    part("trace").setAttribute("aria-label", `Trace; newest: ${words}`);
    part("plane").setAttribute("aria-label", `Point in the plane of arousal and valence: ${words}`);
  }

  #fillTable(list, forgotten) {
    const shown = list.slice(-ROWS);
    part("table").replaceChildren(...shown.map((reading) => this.#row(reading)));
    const notes = [];
    if (list.length > shown.length) notes.push(`the newest ${ROWS}; the downloads have all`);
    if (forgotten) notes.push(`the oldest ${forgotten.toLocaleString("en")} were forgotten`);
    setText(part("table-caption"), notes.join("; "));
  }

  #row(reading) {
    const row = document.createElement("tr");
    row.append(...COLUMNS.map(([, text]) => cell("td", text(reading, this.site.sample_rate))));
    return row;
  }
}

/**
 * @param {string} word of the pill
 * @param {"waiting" | "speech"} state idle or at work
 * @param {string} sentence what the page is doing
 */
export function showState(word, state, sentence) {
  setText(part("state"), word);
  part("state").dataset.state = state;
  setText(part("doing"), sentence);
}

/** @param {unknown} error shown until the next start; null takes it away */
export function showProblem(error) {
  part("notice").hidden = error === null;
  setText(part("notice"), error === null ? "" : inWords(error));
}

function stateOf(reading) {
  return reading.level_dbfs < SILENT_DBFS ? "no speech" : "speech";
}

function heard({ start_sample: start, end_sample: end }, rate) {
  return (end - start) / rate;
}

function momentOf(reading, rate) {
  const parts = [`${heard(reading, rate).toFixed(1)} s up to ${reading.t.toFixed(1)} s`];
  if (stateOf(reading) !== "speech") parts.push("almost silent");
  if (reading.clipped) parts.push(`${reading.clipped.toLocaleString("en")} samples clipped so far`);
  if (reading.skipped) parts.push(`${reading.skipped} windows skipped: this device is too slow`);
  return parts.join("; ");
}

function speedOf(list, hop) {
  if (!list.length) return "not measured yet";
  const times = list.slice(-200).map(({ inference_ms: ms }) => ms);
  times.sort((a, b) => a - b);
  const median = times[times.length >> 1];
  const share = (median / (10 * hop)).toFixed(0);
  return `median ${median.toFixed(1)} ms, slowest ${times.at(-1).toFixed(1)} ms; ${share} % of the hop`;
}

function decibels(level) {
  return `${level.toFixed(0).replace("-", "−")} dB`;
}

function cell(kind, text) {
  const made = document.createElement(kind);
  made.textContent = text;
  return made;
}

function size(bytes) {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
