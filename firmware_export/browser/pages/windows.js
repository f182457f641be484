// Which samples each analysis window covers; the same rule as edge_ser/stream/analysis/windows.py.
//
// Windows end at every multiple of the hop. Until a whole window was received, one covers
// everything since the start and is partial; the first is held back until `first` samples are
// there. `flush` gives a last window where the audio ends between two hops. Not here: gaps.

/** @typedef {{start: number, end: number, samples: Float32Array, partial: boolean}} Window */

export class WindowScheduler {
  /**
   * @param {{window: number, hop: number, first: number, shortest: number}} lengths samples
   */
  constructor({ window, hop, first, shortest }) {
    this.window = window;
    this.hop = hop;
    this.first = Math.min(window, first);
    this.shortest = shortest;
    this.ring = new Float32Array(window);
    this.received = 0;
    this.covered = 0;
  }

  /**
   * @param {Float32Array} samples any number, 16 kHz; may be reused by the caller afterwards
   * @returns {Window[]} every window that ends within them
   */
  feed(samples) {
    const windows = [];
    for (let at = 0; at < samples.length; ) {
      const untilHop = this.hop - (this.received % this.hop);
      const piece = samples.subarray(at, at + untilHop);
      this.#append(piece);
      at += piece.length;
      if (this.received % this.hop === 0 && this.received >= this.first) windows.push(this.#cut());
    }
    return windows;
  }

  /** @returns {Window | null} the window at the end of the audio, if samples came since the last */
  flush() {
    if (this.received === this.covered || this.received < this.shortest) return null;
    return this.#cut();
  }

  #append(piece) {
    for (let at = 0; at < piece.length; ) {
      const place = this.received % this.window;
      const part = piece.subarray(at, at + this.window - place);
      this.ring.set(part, place);
      at += part.length;
      this.received += part.length;
    }
  }

  #cut() {
    const length = Math.min(this.received, this.window);
    const samples = new Float32Array(length);
    const begin = (this.received - length) % this.window;
    const head = this.ring.subarray(begin, Math.min(begin + length, this.window));
    samples.set(head);
    samples.set(this.ring.subarray(0, length - head.length), head.length);
    this.covered = this.received;
    return {
      start: this.received - length,
      end: this.received,
      samples,
      partial: length < this.window,
    };
  }
}
