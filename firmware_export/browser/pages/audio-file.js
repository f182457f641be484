// A file as mono samples at the model's rate; the browser decodes and resamples.

import { Failure } from "./failure.js";

const LARGEST_BYTES = 500e6; // decoded whole: more would exhaust a phone

/**
 * @param {File} file any format that the browser plays
 * @param {number} rate
 * @returns {Promise<Float32Array>} mean of its channels
 * @throws {Failure} too large, not audio, empty
 */
export async function decodeFile(file, rate) {
  if (file.size > LARGEST_BYTES) {
    throw new Failure(
      `${file.name} has ${Math.round(file.size / 1e6)} MB; this page decodes at most 500 at once`,
      "cut it, or use `edge-ser stream --file`",
    );
  }
  return mean(await decode(await file.arrayBuffer(), rate, file.name));
}

async function decode(data, rate, name) {
  try {
    return await new OfflineAudioContext(1, 1, rate).decodeAudioData(data);
  } catch {
    throw new Failure(
      `${name} is not audio that this browser can decode`,
      "WAV, MP3 and AAC work in most browsers, FLAC, Ogg and Opus in many",
    );
  }
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
