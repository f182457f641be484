// Arousal against valence: where the voice is now, and the way it came.

import { clamp, prepare } from "./drawing.js";

const BORDER = 24;
const TRAIL_SECONDS = 30;

// Words for the corners, as the circumplex of affect has them: a help for the eye, not a verdict.
const CORNERS = [["tense", 0, 1], ["excited", 1, 1], ["tired", 0, 0], ["relaxed", 1, 0]];

export class Plane {
  constructor(canvas) {
    this.canvas = canvas;
  }

  draw(history, now, hop, colours) {
    const area = prepare(this.canvas);
    if (!area) return;
    const { context, width, height } = area;
    const x = (valence) => BORDER + clamp(valence, 0, 1) * (width - 2 * BORDER);
    const y = (arousal) => height - BORDER - clamp(arousal, 0, 1) * (height - 2 * BORDER);
    this.frame(context, width, height, x, y, colours);
    this.trail(context, history, now, hop, x, y, colours);
    this.point(context, history, x, y, colours);
  }

  frame(context, width, height, x, y, colours) {
    context.lineWidth = 1;
    context.strokeStyle = colours.grid;
    for (const value of [0.25, 0.75]) {
      for (const [from, to] of [[[0, value], [1, value]], [[value, 0], [value, 1]]]) {
        context.beginPath();
        context.moveTo(x(from[0]), y(from[1]));
        context.lineTo(x(to[0]), y(to[1]));
        context.stroke();
      }
    }
    context.strokeStyle = colours.line;
    context.beginPath();
    context.rect(x(0), y(1), x(1) - x(0), y(0) - y(1));
    context.moveTo(x(0), y(0.5));
    context.lineTo(x(1), y(0.5));
    context.moveTo(x(0.5), y(0));
    context.lineTo(x(0.5), y(1));
    context.stroke();
    context.fillStyle = colours.quiet;
    context.font = "12px system-ui, sans-serif";
    for (const [word, valence, arousal] of CORNERS) {
      context.textAlign = valence ? "right" : "left";
      context.textBaseline = arousal ? "top" : "bottom";
      context.fillText(word, x(valence) + (valence ? -9 : 9), y(arousal) + (arousal ? 9 : -9));
    }
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = colours.valence;
    context.fillText("valence →", width / 2, height - BORDER / 2 + 1);
    context.save();
    context.translate(BORDER / 2 - 1, height / 2);
    context.rotate(-Math.PI / 2);
    context.fillStyle = colours.arousal;
    context.fillText("arousal →", 0, 0);
    context.restore();
  }

  trail(context, history, now, hop, x, y, colours) {
    context.strokeStyle = colours.ink;
    context.lineWidth = 2.5;
    // Round ends would overlap, and half transparent ones then show as dots.
    context.lineCap = "butt";
    for (let index = history.from(now - TRAIL_SECONDS) + 1; index < history.length; index += 1) {
      const before = index - 1;
      if (history.arousal[index] === null || history.arousal[before] === null) continue;
      if (history.gapBefore(index, 2.5 * hop + 1)) continue;
      context.globalAlpha = 0.75 * clamp(1 - (now - history.t[index]) / TRAIL_SECONDS, 0, 1) ** 1.5;
      context.beginPath();
      context.moveTo(x(history.valence[before]), y(history.arousal[before]));
      context.lineTo(x(history.valence[index]), y(history.arousal[index]));
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  // The newest values; hollow when the newest window had none.
  point(context, history, x, y, colours) {
    let index = history.length - 1;
    const current = index >= 0 && history.arousal[index] !== null;
    while (index >= 0 && history.arousal[index] === null) index -= 1;
    if (index < 0) return;
    const [px, py] = [x(history.valence[index]), y(history.arousal[index])];
    context.strokeStyle = colours.dominance;
    context.globalAlpha = current ? 0.9 : 0.35;
    context.lineWidth = 2;
    context.beginPath();
    context.arc(px, py, 10 + 22 * clamp(history.dominance[index], 0, 1), 0, 2 * Math.PI);
    context.stroke();
    context.beginPath();
    context.arc(px, py, 7, 0, 2 * Math.PI);
    context.fillStyle = current ? colours.ink : colours.surface;
    context.strokeStyle = current ? colours.surface : colours.ink;
    context.fill();
    context.stroke();
    context.globalAlpha = 1;
  }
}
