// The three dimensions over time: lines with their letter at the end, stretches without values
// shaded, gaps in the audio left open.

import { clamp, prepare } from "./drawing.js";
import { DIMENSIONS } from "./history.js";

const LEFT = 30;
const RIGHT = 22;
const TOP = 8;
const BOTTOM = 22;
const LETTER = 13;

export class Trace {
  constructor(canvas) {
    this.canvas = canvas;
    this.seconds = 60;
  }

  // now: right border in seconds of audio. hop: seconds between readings.
  draw(history, now, hop, colours) {
    const area = prepare(this.canvas);
    if (!area) return;
    const { context, width, height } = area;
    const right = width - RIGHT;
    const perSecond = (right - LEFT) / this.seconds;
    const x = (t) => right - (now - t) * perSecond;
    const y = (value) => TOP + (1 - clamp(value, -0.04, 1.04)) * (height - TOP - BOTTOM);
    this.grid(context, width, height, y, colours);
    const first = history.from(now - this.seconds);
    context.save();
    context.beginPath();
    context.rect(LEFT, 0, width - LEFT, height);
    context.clip();
    this.shade(context, history, first, hop, x, height, colours);
    for (const name of DIMENSIONS) {
      this.line(context, history, history[name], first, 2.5 * hop + 1, x, y, colours[name]);
    }
    context.restore();
    this.letters(context, history, first, width, height, y, colours);
  }

  // Pixels that a second takes: a redraw is worth it once the trace has moved by one.
  pixelsPerSecond() {
    return Math.max(1, this.canvas.clientWidth - LEFT - RIGHT) / this.seconds;
  }

  grid(context, width, height, y, colours) {
    context.lineWidth = 1;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const value of [0, 0.25, 0.5, 0.75, 1]) {
      const at = Math.round(y(value)) + 0.5;
      context.strokeStyle = value === 0.5 ? colours.line : colours.grid;
      context.beginPath();
      context.moveTo(LEFT, at);
      context.lineTo(width - RIGHT, at);
      context.stroke();
      context.fillStyle = colours.quiet;
      if (value * 2 === Math.round(value * 2)) context.fillText(String(value), LEFT - 8, at);
    }
    const ticks = width < 480 ? 2 : 4;
    context.textBaseline = "alphabetic";
    for (let tick = 0; tick <= ticks; tick += 1) {
      const ago = this.seconds * (1 - tick / ticks);
      context.textAlign = tick === 0 ? "left" : tick === ticks ? "right" : "center";
      const at = LEFT + (width - LEFT - RIGHT) * (tick / ticks);
      context.fillText(this.tickLabel(ago), at, height - 5);
    }
  }

  // Of a time that many seconds before the right border.
  tickLabel(ago) {
    return ago ? `−${duration(ago)}` : "now";
  }

  shade(context, history, first, hop, x, height, colours) {
    for (let index = first; index < history.length;) {
      const state = history.state[index];
      const begin = index;
      while (index < history.length && history.state[index] === state
        && !(index > begin && history.gapBefore(index, 2.5 * hop + 1))) index += 1;
      if (state === "speech") continue;
      context.fillStyle = state === "uncertain" ? colours.unsure : colours.silent;
      const from = x(history.t[begin] - hop);
      context.fillRect(from, TOP, x(history.t[index - 1]) - from, height - TOP - BOTTOM);
    }
  }

  line(context, history, values, first, gap, x, y, colour) {
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = 2;
    context.beginPath();
    let drawing = false;
    const lonely = [];
    for (let index = first; index < history.length; index += 1) {
      if (values[index] === null) {
        drawing = false;
        continue;
      }
      if (history.gapBefore(index, gap)) drawing = false;
      const [px, py] = [x(history.t[index]), y(values[index])];
      if (drawing) context.lineTo(px, py);
      else {
        context.moveTo(px, py);
        const next = values[index + 1];
        if (next === null || next === undefined) lonely.push([px, py]);
      }
      drawing = true;
    }
    context.stroke();
    for (const [px, py] of lonely) {
      context.beginPath();
      context.arc(px, py, 2, 0, 2 * Math.PI);
      context.fill();
    }
  }

  // A, D and V beside the ends of their lines, pushed apart where they would cover each other.
  letters(context, history, first, width, height, y, colours) {
    const ends = [];
    for (const name of DIMENSIONS) {
      const value = history.length ? history[name][history.length - 1] : null;
      if (value !== null && history.length > first) ends.push({ name, at: y(value) });
    }
    ends.sort((one, other) => one.at - other.at);
    for (let index = 1; index < ends.length; index += 1) {
      ends[index].at = Math.max(ends[index].at, ends[index - 1].at + LETTER);
    }
    const over = ends.length ? ends[ends.length - 1].at - (height - BOTTOM) : 0;
    context.font = "bold 12px system-ui, sans-serif";
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (const { name, at } of ends) {
      context.fillStyle = colours[name];
      context.fillText(name[0].toUpperCase(), width - RIGHT + 7, at - Math.max(0, over));
    }
  }
}

function duration(seconds) {
  return seconds % 60 === 0 ? `${seconds / 60} min` : seconds > 120 ? `${seconds / 60} min` : `${seconds} s`;
}
