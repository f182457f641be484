// Levels of a stretch of samples, as the command reports them.

export const SILENCE_DBFS = -120; // what digital silence is shown as
const FULL_SCALE = 32767 / 32768; // from here on a 16-bit converter was at its end

/** @returns {number} 20 log10(rms), a full-scale sine has -3 */
export function levelDbfs(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return decibels(Math.sqrt(sum / Math.max(1, samples.length)));
}

/** @returns {number} 20 log10 of the largest magnitude */
export function peakDbfs(samples) {
  let peak = 0;
  for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  return decibels(peak);
}

/** @returns {number} samples at full scale */
export function clippedSamples(samples) {
  let count = 0;
  for (const sample of samples) if (Math.abs(sample) >= FULL_SCALE) count += 1;
  return count;
}

function decibels(amplitude) {
  return amplitude > 0 ? Math.max(SILENCE_DBFS, 20 * Math.log10(amplitude)) : SILENCE_DBFS;
}
