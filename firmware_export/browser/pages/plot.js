// The two drawings of a stream: a plane with a trail, and a trace over time. SVG, no library.
//
// Colours come from the style sheet: each line has the class of its dimension. Values are drawn
// within 0..1, as the axes say; what lies outside sits on the border.

const NAMESPACE = "http://www.w3.org/2000/svg";
const TRAIL = 16; // readings
const MOST_POINTS = 600; // per line; more would not be seen

/** Arousal over valence, the newest readings as a fading trail. */
export class Plane {
  /** @param {SVGSVGElement} svg emptied */
  constructor(svg) {
    this.svg = svg;
    svg.setAttribute("viewBox", "-16 -6 122 120");
    svg.replaceChildren(
      element("rect", { class: "field", x: 0, y: 0, width: 100, height: 100, rx: 2 }),
      element("path", { class: "grid", d: "M50 0V100M0 50H100" }),
      label(3, 7, "start", "corner", "tense, angry"),
      label(97, 7, "end", "corner", "excited, happy"),
      label(3, 97, "start", "corner", "sad, tired"),
      label(97, 97, "end", "corner", "calm, content"),
      label(50, 110, "middle", "axis", "valence →"),
      element("text", { class: "axis", "text-anchor": "middle", transform: "translate(-5 50) rotate(-90)" }, "arousal →"),
    );
    this.trail = element("g", { class: "trail" });
    svg.append(this.trail);
  }

  /** @param {{arousal: number, valence: number}[]} readings the newest last */
  show(readings) {
    const points = readings.slice(-TRAIL).map(({ valence, arousal }) => [
      100 * within(valence),
      100 * (1 - within(arousal)),
    ]);
    const parts = points.slice(1).map(([x, y], i) => {
      const opacity = ((i + 1) / points.length) ** 1.5;
      return element("path", { class: "tail", d: `M${points[i]}L${x},${y}`, opacity });
    });
    const newest = points.at(-1);
    if (newest) parts.push(element("circle", { class: "head", cx: newest[0], cy: newest[1], r: 3.4 }));
    this.trail.replaceChildren(...parts);
    const last = readings.at(-1);
    this.svg.setAttribute(
      "aria-label",
      last
        ? `Arousal ${last.arousal.toFixed(2)}, valence ${last.valence.toFixed(2)}`
        : "No reading yet",
    );
  }
}

/** Lines over time, one per dimension. */
export class Trace {
  /**
   * @param {SVGSVGElement} svg emptied
   * @param {string[]} dimensions fields of a reading, and classes of the lines
   */
  constructor(svg, dimensions) {
    this.svg = svg;
    this.dimensions = dimensions;
    this.lines = dimensions.map((name) => element("path", { class: `line ${name}` }));
    this.times = element("g", {});
    this.grid = element("path", { class: "grid" });
    this.marks = [0, 0.5, 1].map((value) => [value, label(0, 0, "end", "axis", String(value))]);
    svg.replaceChildren(this.grid, this.times, ...this.lines, ...this.marks.map(([, text]) => text));
    new ResizeObserver(() => this.#draw()).observe(svg);
    this.show([], 0, 60);
  }

  /**
   * @param {object[]} readings in order of `t`
   * @param {number} from seconds
   * @param {number} to seconds
   */
  show(readings, from, to) {
    this.readings = readings;
    this.from = from;
    this.to = Math.max(to, from + 1);
    this.#draw();
  }

  #draw() {
    const width = Math.max(200, this.svg.clientWidth);
    const box = { left: 26, right: width - 8, top: 8, bottom: 150 };
    const x = (t) => box.left + ((t - this.from) / (this.to - this.from)) * (box.right - box.left);
    const y = (value) => box.bottom - within(value) * (box.bottom - box.top);
    this.svg.setAttribute("viewBox", `0 0 ${width} 172`);
    this.grid.setAttribute("d", this.marks.map(([v]) => `M${box.left} ${y(v)}H${box.right}`).join(""));
    for (const [value, text] of this.marks) place(text, box.left - 5, y(value) + 4);
    this.times.replaceChildren(
      ...ticks(this.from, this.to, width < 500 ? 4 : 8).map((t) =>
        label(x(t), box.bottom + 17, "middle", "axis", clock(t)),
      ),
    );
    const shown = thinned(this.readings.filter(({ t }) => t >= this.from && t <= this.to));
    this.dimensions.forEach((name, i) => {
      const points = shown.map((reading) => `${x(reading.t).toFixed(1)},${y(reading[name]).toFixed(1)}`);
      this.lines[i].setAttribute("d", points.length > 1 ? `M${points.join("L")}` : "");
    });
    const count = `${shown.length ? this.readings.length : "No"} readings`;
    this.svg.setAttribute("aria-label", `${count}, from ${clock(this.from)} to ${clock(this.to)}`);
  }
}

/** @param {string} dimension @returns {SVGSVGElement} a piece of its line, for a legend */
export function lineSample(dimension) {
  const svg = element("svg", { viewBox: "0 0 28 10" });
  svg.append(element("path", { class: `line ${dimension}`, d: "M1 5H27" }));
  return svg;
}

function within(value) {
  return Math.min(1, Math.max(0, value));
}

function thinned(readings) {
  const step = Math.ceil(readings.length / MOST_POINTS);
  return step <= 1 ? readings : readings.filter((_, i) => i % step === 0);
}

/** Round times in [from, to], at most `most` of them. */
function ticks(from, to, most) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200];
  const step = steps.find((seconds) => (to - from) / seconds <= most) ?? 14_400;
  const times = [];
  for (let t = Math.ceil(from / step) * step; t <= to; t += step) times.push(t);
  return times;
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  const parts = [Math.floor(whole / 60), whole % 60];
  if (parts[0] >= 60) parts.splice(0, 1, Math.floor(parts[0] / 60), parts[0] % 60);
  return parts.map((part, i) => (i ? String(part).padStart(2, "0") : part)).join(":");
}

function label(x, y, anchor, kind, text) {
  return element("text", { x, y, "text-anchor": anchor, class: kind }, text);
}

function place(text, x, y) {
  text.setAttribute("x", x);
  text.setAttribute("y", y);
}

function element(name, attributes, text = "") {
  const made = document.createElementNS(NAMESPACE, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text) made.textContent = text;
  return made;
}
