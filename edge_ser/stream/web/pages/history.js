// What the page remembers of the stream: columns of bounded length, oldest first.

export const DIMENSIONS = ["arousal", "dominance", "valence"];
const SECONDS = 600;
const LONGEST = 4_800;

export class History {
  // columns: what to begin with, or null. seconds, longest: what is kept at most.
  constructor(columns, seconds = SECONDS, longest = LONGEST) {
    this.seconds = seconds;
    this.longest = longest;
    this.t = columns ? columns.t.slice() : [];
    this.state = columns ? columns.state.slice() : [];
    this.gaps = columns ? columns.gaps.slice() : [];
    for (const name of DIMENSIONS) this[name] = columns ? columns[name].slice() : [];
  }

  get length() {
    return this.t.length;
  }

  get newest() {
    return this.t.length ? this.t[this.t.length - 1] : -Infinity;
  }

  // A reading that came with the history too is not taken twice.
  add(reading) {
    if (reading.t <= this.newest) return;
    this.t.push(reading.t);
    this.state.push(reading.state);
    this.gaps.push(reading.gaps);
    for (const name of DIMENSIONS) this[name].push(reading[name]);
    let old = Math.max(0, this.length - this.longest);
    while (this.t[old] < reading.t - this.seconds) old += 1;
    // In larger bites, so that hours of readings do not mean hours of moving arrays.
    if (old > 64) this.forget(old);
  }

  forget(count) {
    for (const name of ["t", "state", "gaps", ...DIMENSIONS]) this[name].splice(0, count);
  }

  // Index of the first reading at or after a time, one earlier so that lines reach the border.
  from(time) {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.t[middle] < time) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  // Whether the line from the reading before to this one crosses a gap in the audio.
  gapBefore(index, longest) {
    return index > 0 && (this.gaps[index] !== this.gaps[index - 1]
      || this.t[index] - this.t[index - 1] > longest);
  }
}
