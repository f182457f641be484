// A stream at any rate to another: windowed sinc, in pieces of any size.
//
// Flat to 7 kHz where the target is 16 kHz. Output n is the signal at n / target seconds, whatever
// the pieces; the delay is half a kernel. Rates are whole numbers; equal ones change nothing.

const CROSSINGS = 32; // zero crossings of the sinc on each side
const ROLL_OFF = 0.945; // of the lower Nyquist frequency
const KAISER_BETA = 9; // stop band about -90 dB

export class Resampler {
  /**
   * @param {number} source samples per second, e.g. 48000
   * @param {number} target samples per second, e.g. 16000
   */
  constructor(source, target) {
    this.same = source === target;
    const divisor = greatestCommonDivisor(source, target);
    this.step = source / divisor;
    this.phases = target / divisor;
    const cutoff = ROLL_OFF * Math.min(1, target / source);
    this.half = Math.ceil(CROSSINGS / cutoff);
    this.kernels = Array.from({ length: this.phases }, (_, phase) =>
      kernel(phase / this.phases, this.half, cutoff),
    );
    this.held = new Float32Array(this.half - 1); // silence before the first sample
    this.heldFrom = 1 - this.half; // position of held[0] in the source
    this.made = 0;
  }

  /**
   * @param {Float32Array} samples at the source's rate
   * @returns {Float32Array} what they complete, at the target's rate
   */
  feed(samples) {
    if (this.same) return samples;
    const input = new Float32Array(this.held.length + samples.length);
    input.set(this.held);
    input.set(samples, this.held.length);
    const end = this.heldFrom + input.length;
    const complete = Math.ceil(((end - this.half) * this.phases) / this.step);
    const outputs = new Float32Array(Math.max(0, complete - this.made));
    for (let i = 0; i < outputs.length; i++) outputs[i] = this.#output(input, this.made + i);
    this.made += outputs.length;
    const next = Math.floor((this.made * this.step) / this.phases) - this.half + 1;
    this.held = input.slice(Math.max(0, next - this.heldFrom));
    this.heldFrom = end - this.held.length;
    return outputs;
  }

  /** The end: silence follows. @returns {Float32Array} the rest, so that durations are equal */
  flush() {
    if (this.same) return new Float32Array(0);
    const received = this.heldFrom + this.held.length;
    const whole = Math.ceil((received * this.phases) / this.step);
    const rest = whole - this.made;
    return this.feed(new Float32Array(this.half + this.step)).subarray(0, rest);
  }

  #output(input, n) {
    const place = n * this.step;
    const weights = this.kernels[place % this.phases];
    const from = Math.floor(place / this.phases) - this.half + 1 - this.heldFrom;
    let sum = 0;
    for (let k = 0; k < weights.length; k++) sum += weights[k] * input[from + k];
    return sum;
  }
}

/** Weights for the samples from floor(x) - half + 1 to floor(x) + half; x has that fraction. */
function kernel(fraction, half, cutoff) {
  const weights = new Float64Array(2 * half);
  let sum = 0;
  for (let k = 0; k < weights.length; k++) {
    const distance = k - half + 1 - fraction;
    weights[k] = cutoff * sinc(cutoff * distance) * kaiser(distance / half);
    sum += weights[k];
  }
  return weights.map((weight) => weight / sum); // a constant stays exactly what it is
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function kaiser(x) {
  const inside = 1 - x * x;
  return inside <= 0 ? 0 : bessel(KAISER_BETA * Math.sqrt(inside)) / bessel(KAISER_BETA);
}

/** Modified Bessel function of order zero. */
function bessel(x) {
  let term = 1;
  let sum = 1;
  for (let n = 1; term > 1e-12 * sum; n++) {
    term *= (x / (2 * n)) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a, b) {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
