// The exporter's golden clips on this browser: does it compute what was promised?

import { decodeFile } from "./audio-file.js";
import { checkedFetch } from "./checked-fetch.js";

/**
 * @param {object} site `site.json`
 * @param {import("./model-client.js").Model} model
 * @returns {Promise<{clips: number, largest: number, passed: boolean}>} largest difference to the
 *   recorded values, over clips and dimensions
 * @throws {import("./failure.js").Failure} a clip is missing or was changed
 */
export async function checkBrowser(site, model) {
  const clips = Object.values(site.golden.clips);
  let largest = 0;
  for (const { file, sha256, expected } of clips) {
    const data = await checkedFetch(file, sha256);
    const samples = await decodeFile(new File([data], file), site.sample_rate);
    const { values } = await model.predict(samples);
    const differences = values.map((value, i) => Math.abs(value - expected[i]));
    largest = Math.max(largest, ...differences);
  }
  return { clips: clips.length, largest, passed: largest <= site.golden.tolerance };
}
