// Everything that is text: numbers, level, health, events. Text from the stream only ever becomes
// text of the page, never markup.

import { clamp } from "./drawing.js";
import { DIMENSIONS } from "./history.js";

const FLOOR_DB = -60;
const SILENT_DB = -120;
const LOUD_DB = -3;
const HOLD = 1500;
const CLIPPED_FOR = 3000;
const EVENTS = 50;
const MEANING = {
  arousal: "calm to excited", dominance: "weak to strong", valence: "negative to positive",
};

const find = (id) => document.getElementById(id);

export function showValues(reading, current) {
  for (const name of DIMENSIONS) {
    const value = reading ? reading[name] : null;
    const card = find(name).closest(".value");
    card.classList.toggle("faded", value === null || !current);
    find(name).textContent = value === null ? "–" : value.toFixed(2);
    find(`${name}-bar`).style.width = `${100 * clamp(value ?? 0, 0, 1)}%`;
    find(`${name}-change`).textContent = change(reading ? reading[`${name}_change`] : null);
    const sure = reading ? reading[`${name}_confidence`] : null;
    find(`${name}-sure`).textContent = sure === null ? MEANING[name] : `confidence ${percent(sure)}`;
  }
}

function change(value) {
  if (value === null) return "";
  const arrow = value > 0.005 ? "▲" : value < -0.005 ? "▼" : "=";
  return `${arrow} ${Math.abs(value).toFixed(2)}`;
}

export class LevelPanel {
  constructor() {
    this.peak = SILENT_DB;
    this.peakAt = 0;
    this.clipped = null;
    this.clippedAt = -Infinity;
  }

  show(meter) {
    const now = performance.now();
    if (meter.peak_dbfs >= this.peak || now - this.peakAt > HOLD) {
      this.peak = meter.peak_dbfs;
      this.peakAt = now;
    }
    if (this.clipped !== null && meter.clipped > this.clipped) this.clippedAt = now;
    this.clipped = meter.clipped;
    find("clipping").hidden = now - this.clippedAt > CLIPPED_FOR;
    const share = clamp(1 - meter.level_dbfs / FLOOR_DB, 0, 1);
    find("meter-fill").style.width = `${100 * share}%`;
    find("meter-fill").style.setProperty("--whole", `${share ? 100 / share : 100}%`);
    find("meter-peak").style.left = `${100 * clamp(1 - this.peak / FLOOR_DB, 0, 1)}%`;
    find("meter").setAttribute("aria-valuenow", clamp(meter.level_dbfs, FLOOR_DB, 0).toFixed(0));
    this.words(meter);
    this.voice(meter.speech);
  }

  words(meter) {
    const words = find("level-words");
    const silent = meter.peak_dbfs <= SILENT_DB;
    words.classList.toggle("warn", silent || this.peak > LOUD_DB);
    words.textContent = silent
      ? "digital silence: is the microphone muted, or its use not permitted?"
      : `${decibels(meter.level_dbfs)}, peak ${decibels(this.peak)}`
        + (this.peak > LOUD_DB ? ": turn the microphone down" : "");
  }

  voice(speech) {
    find("voice-row").hidden = speech === null;
    if (speech === null) return;
    find("voice-fill").style.width = percent(speech);
    find("voice").setAttribute("aria-valuenow", (100 * speech).toFixed(0));
    find("voice-words").textContent = `speech ${percent(speech)}`;
  }
}

export function showHealth(meter, reading, missed) {
  const { status, reasons } = meter.health;
  find("health").dataset.status = status;
  find("health").textContent = status;
  list(find("reasons"), reasons);
  const counters = [
    ["dropped frames", meter.dropped, true],
    ["overflows", meter.overflows, true],
    ["skipped windows", meter.skipped, true],
    ["clipped samples", meter.clipped, true],
    ["reconnects", meter.reconnects, true],
    ["gaps", meter.gaps, true],
    ["invalid input", meter.invalid, true],
    ["missed by this page", missed, true],
    ["per window", reading ? `${reading.inference_ms.toFixed(1)} ms` : "–", false],
    ["audio", clock(meter.seconds), false],
    ["up", clock(meter.uptime), false],
  ];
  definitions(find("counters"), counters.map(([name, value, bad]) => (
    [name, typeof value === "number" ? value.toLocaleString("en") : value, bad && value > 0])));
  showSinks(meter.deliveries);
}

function showSinks(deliveries) {
  const body = find("sinks").tBodies[0];
  find("sinks").hidden = deliveries.length === 0;
  while (body.rows.length > deliveries.length) body.deleteRow(-1);
  deliveries.forEach((one, index) => {
    const row = body.rows[index] || body.insertRow();
    row.title = one.error;
    [one.sink, one.sent, one.waiting, one.lost].forEach((text, column) => {
      const cell = row.cells[column] || row.insertCell();
      setText(cell, typeof text === "number" ? text.toLocaleString("en") : text);
    });
    row.cells[0].classList.toggle("warn", one.error !== "");
    row.cells[3].classList.toggle("warn", one.lost > 0);
  });
}

export function showAbout(info) {
  setText(find("source"), info.source);
  document.title = `edge-ser · ${info.source}`;
  const heard = info.level === "window" ? "each window by itself" : "running over the stream";
  definitions(find("about"), [
    ["model", `${info.model} (${info.artefact})`],
    ["engine", `${info.engine} ${info.engine_version}`.trim()],
    ["source", `${info.source}, ${info.source_rate.toLocaleString("en")} Hz`],
    ["window", `${info.window_seconds} s, every ${info.hop_seconds} s`],
    ["normalised", heard],
    ["voice activity", info.detector || "none: every window is read"],
    ["recording", info.recording || "nothing is stored"],
  ]);
}

export class EventsPanel {
  constructor() {
    this.events = [];
  }

  reset(events, rules) {
    this.events = events.slice(-EVENTS);
    this.rules = rules;
    this.render();
  }

  add(event) {
    this.events.push(event);
    if (this.events.length > EVENTS) this.events.shift();
    this.render();
  }

  render() {
    const newest = new Map(this.events.map((event) => [event.rule, event.active]));
    list(find("rules"), this.rules);
    [...find("rules").children].forEach((item) => {
      item.classList.toggle("active", newest.get(item.textContent) === true);
    });
    find("no-events").hidden = this.events.length > 0;
    find("events").replaceChildren(...[...this.events].reverse().map(eventItem));
  }
}

function eventItem(event) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  time.dateTime = event.time;
  time.textContent = new Date(event.time).toLocaleTimeString([], { hour12: false });
  const what = document.createElement("span");
  what.className = event.active ? "what" : "what ends";
  const value = event.value === null ? "" : ` (${event.value.toFixed(2)})`;
  what.textContent = event.active
    ? `${event.name}${value}`
    : `${event.name} ended after ${event.held_seconds.toFixed(1)} s`;
  item.append(time, what);
  return item;
}

function definitions(element, rows) {
  while (element.children.length > rows.length) element.lastChild.remove();
  rows.forEach(([name, value, warn], index) => {
    let row = element.children[index];
    if (!row) {
      row = document.createElement("div");
      row.append(document.createElement("dt"), document.createElement("dd"));
      element.append(row);
    }
    setText(row.firstChild, name);
    setText(row.lastChild, String(value));
    row.lastChild.classList.toggle("warn", warn === true);
  });
}

function list(element, texts) {
  while (element.children.length > texts.length) element.lastChild.remove();
  texts.forEach((text, index) => {
    const item = element.children[index] || element.appendChild(document.createElement("li"));
    setText(item, text);
  });
}

// Only when it differs: an untouched node costs no layout and no word of a screen reader.
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function percent(share) {
  return `${(100 * share).toFixed(0)}%`;
}

function decibels(level) {
  return `${level.toFixed(0).replace("-", "−")} dB`;
}

export function clock(seconds) {
  const whole = Math.floor(seconds);
  const [days, hours] = [Math.floor(whole / 86400), Math.floor(whole / 3600) % 24];
  const [minutes, rest] = [Math.floor(whole / 60) % 60, String(whole % 60).padStart(2, "0")];
  if (days) return `${days} d ${hours}:${String(minutes).padStart(2, "0")} h`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
