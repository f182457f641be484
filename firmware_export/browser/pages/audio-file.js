// A file as mono samples at the model's rate.
//
// The browser decodes, at the file's own rate where its head says it, and this page resamples, for
// the reason that microphone.js gives.

import { Failure } from "./failure.js";
import { Resampler } from "./resampler.js";

const LARGEST_BYTES = 500e6; // decoded whole: more would exhaust a phone
const USUAL_RATE = 48_000; // where a format does not say its rate in a fixed place
const PIECE = 96_000; // samples resampled before the page may answer again

/**
 * @param {File} file any format that the browser plays
 * @param {number} rate
 * @returns {Promise<Float32Array>} mean of its channels
 * @throws {Failure} too large, not audio
 */
export async function decodeFile(file, rate) {
  if (file.size > LARGEST_BYTES) {
    throw new Failure(
      `${file.name} has ${Math.round(file.size / 1e6)} MB; this page decodes at most 500 at once`,
      "cut it, or use `edge-ser stream --file`",
    );
  }
  const buffer = await decode(await file.arrayBuffer(), file.name);
  return resampled(mean(buffer), buffer.sampleRate, rate);
}

async function decode(data, name) {
  const context = contextAt(rateOf(new DataView(data)) ?? USUAL_RATE);
  try {
    return await context.decodeAudioData(data);
  } catch {
    throw new Failure(
      `${name} is not audio that this browser can decode`,
      "WAV, MP3 and AAC work in most browsers, FLAC, Ogg and Opus in many",
    );
  }
}

function contextAt(rate) {
  try {
    return new OfflineAudioContext(1, 1, rate);
  } catch {
    return new OfflineAudioContext(1, 1, USUAL_RATE); // a rate beyond what the browser supports
  }
}

/** Samples per second by the head of a WAV or FLAC file; null: another format, or damaged. */
function rateOf(view) {
  const word = (at) => (at + 4 <= view.byteLength ? view.getUint32(at) : 0);
  if (word(0) === 0x664c6143) return word(18) >>> 12 || null; // "fLaC": 20 bits of STREAMINFO
  if (word(0) !== 0x52494646 || word(8) !== 0x57415645) return null; // "RIFF", "WAVE"
  for (let at = 12; at + 16 <= view.byteLength; ) {
    if (word(at) === 0x666d7420) return view.getUint32(at + 12, true) || null; // "fmt "
    const size = view.getUint32(at + 4, true);
    at += 8 + size + (size % 2);
  }
  return null;
}

/** @param {AudioBuffer} buffer @returns {Float32Array} */
function mean(buffer) {
  const samples = buffer.getChannelData(0).slice();
  for (let channel = 1; channel < buffer.numberOfChannels; channel++) {
    const other = buffer.getChannelData(channel);
    for (let i = 0; i < samples.length; i++) samples[i] += other[i];
  }
  if (buffer.numberOfChannels === 1) return samples;
  return samples.map((sum) => sum / buffer.numberOfChannels);
}

async function resampled(samples, source, target) {
  if (source === target) return samples;
  const resampler = new Resampler(source, target);
  const made = new Float32Array(Math.ceil((samples.length * target) / source));
  let filled = 0;
  const keep = (piece) => {
    made.set(piece, filled);
    filled += piece.length;
  };
  for (let at = 0; at < samples.length; at += PIECE) {
    keep(resampler.feed(samples.subarray(at, at + PIECE)));
    await new Promise((resolve) => setTimeout(resolve));
  }
  keep(resampler.flush());
  return made;
}
