// What both canvases need: sharp pixels, and the style sheet's colours.

export function colours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ink", "quiet", "line", "grid", "silent", "unsure", "surface",
    "arousal", "dominance", "valence"];
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

// A context whose units are CSS pixels, cleared; null while the canvas has no size.
export function prepare(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  if (!width || !height) return null;
  const ratio = Math.min(window.devicePixelRatio || 1, 3);
  const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width !== columns || canvas.height !== rows) {
    canvas.width = columns;
    canvas.height = rows;
  }
  const context = canvas.getContext("2d");
  context.setTransform(columns / width, 0, 0, rows / height, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "11px system-ui, sans-serif";
  context.lineJoin = context.lineCap = "round";
  return { context, width, height };
}

export function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}
