// The page: takes messages (docs/WEB.md has their schema), keeps the newest of everything, and
// draws at most once per frame, only what has changed.

import { Connection } from "./connection.js";
import { colours } from "./drawing.js";
import { DIMENSIONS, History } from "./history.js";
import { EventsPanel, LevelPanel, setText, showAbout, showHealth, showValues } from "./panels.js";
import { Plane } from "./plane.js";
import { Trace } from "./trace.js";

const SCHEMA = 2;
const STALE_SECONDS = 3;
const DESCRIBE_EVERY = 5000;
const WORDS = { speech: "Speech", "no speech": "No speech", uncertain: "Uncertain" };

const find = (id) => document.getElementById(id);
const trace = new Trace(find("trace"));
const plane = new Plane(find("plane"));
const level = new LevelPanel();
const events = new EventsPanel();

const view = {
  link: "connecting", retryAt: 0, info: null, history: new History(null), reading: null,
  meter: null, missed: 0, ended: "", newsAt: 0, paused: false,
};
let palette = colours();
let drawnNow = -Infinity;
let describedAt = -Infinity;
let wanted = false;

const receivers = {
  hello(message) {
    Object.assign(view, {
      info: message.info, history: new History(message.history), reading: message.reading,
      meter: message.meter, missed: 0, ended: "", newsAt: performance.now(),
    });
    drawnNow = -Infinity;
    if (view.info) showAbout(view.info);
    if (view.meter) level.show(view.meter);
    events.reset(message.events, view.info ? view.info.rules : []);
    notice(message.schema === SCHEMA ? "" : "This page is older than the stream: reload it.");
  },
  reading(message) {
    view.reading = message;
    view.history.add(message);
    drawnNow = -Infinity;
  },
  meter(message) {
    view.meter = message;
    if (!view.paused) level.show(message);
  },
  event(message) {
    events.add(message);
  },
  missed(message) {
    view.missed += message.count;
  },
  end(message) {
    view.ended = message.sentence;
  },
};

function receive(message) {
  const receiver = receivers[message.type];
  if (!receiver) return;
  receiver(message);
  if (message.type === "meter" || message.type === "reading") view.newsAt = performance.now();
  draw();
}

function linkChanged(link, wait) {
  view.link = link;
  view.retryAt = performance.now() + 1000 * wait;
  draw();
}

// The stream in a key for the style sheet, a word, and a detail that changes every second and is
// therefore kept from screen readers.
function stateOf(now) {
  if (view.link !== "open") {
    const wait = Math.ceil((view.retryAt - now) / 1000);
    const word = view.link === "full" ? "Too many viewers" : "Disconnected";
    if (!view.info && view.link === "connecting") return ["waiting", "Connecting", ""];
    return ["disconnected", word, wait > 0 ? `again in ${wait} s` : "trying"];
  }
  if (view.ended) return ["stale", "Ended", ""];
  const silence = (now - view.newsAt) / 1000;
  if (silence > STALE_SECONDS) return ["stale", "Stale", `${Math.floor(silence)} s`];
  if (view.meter && !view.meter.connected) return ["away", "Source away", ""];
  if (!view.reading) return ["waiting", "Listening", ""];
  const age = view.meter ? view.meter.seconds - view.reading.t : 0;
  if (age > STALE_SECONDS + 2 * view.info.hop_seconds) {
    return ["stale", "No reading", `${Math.floor(age)} s`];
  }
  return [view.reading.state, WORDS[view.reading.state] || view.reading.state, ""];
}

function draw() {
  if (wanted) return;
  wanted = true;
  requestAnimationFrame(() => {
    wanted = false;
    render();
  });
}

function render() {
  const [key, word, detail] = stateOf(performance.now());
  find("state").dataset.state = key;
  setText(find("state-word"), word);
  setText(find("state-detail"), detail);
  find("recording").hidden = !(view.meter && view.meter.recording);
  if (view.ended) notice(`The stream has ended: ${view.ended}`);
  if (view.paused) return;
  showValues(view.reading, key === view.reading?.state);
  if (view.meter) showHealth(view.meter, view.reading, view.missed);
  drawCanvases();
  describe();
}

// The right border of the trace moves with the audio; a redraw needs a reason of a pixel.
function drawCanvases() {
  const now = Math.max(view.history.newest, view.meter ? view.meter.seconds : 0, 0);
  if (Math.abs(now - drawnNow) * trace.pixelsPerSecond() < 1) return;
  drawnNow = now;
  const hop = view.info ? view.info.hop_seconds : 0.5;
  trace.draw(view.history, now, hop, palette);
  plane.draw(view.history, now, hop, palette);
}

// For those who do not see the canvases: the newest values in words, not at every reading.
function describe() {
  const now = performance.now();
  if (now - describedAt < DESCRIBE_EVERY || !view.reading) return;
  describedAt = now;
  const values = DIMENSIONS.map((name) => {
    const value = view.reading[name];
    return `${name} ${value === null ? "unknown" : value.toFixed(2)}`;
  }).join(", ");
  find("trace").setAttribute("aria-label", `Trace of the last ${trace.seconds} s; now ${values}`);
  find("plane").setAttribute("aria-label", `Point in the plane of arousal and valence: ${values}`);
}

function notice(text) {
  setText(find("notice"), text);
  find("notice").hidden = text === "";
}

function redraw() {
  palette = colours();
  drawnNow = -Infinity;
  draw();
}

find("pause").addEventListener("click", () => {
  view.paused = !view.paused;
  find("pause").setAttribute("aria-pressed", String(view.paused));
  setText(find("pause"), view.paused ? "Resume" : "Pause");
  redraw();
});

find("ranges").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  trace.seconds = Number(button.dataset.seconds);
  for (const one of find("ranges").children) {
    one.setAttribute("aria-pressed", String(one === button));
  }
  redraw();
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
new ResizeObserver(redraw).observe(document.querySelector("main"));
setInterval(draw, 1000);
new Connection(receive, linkChanged);
