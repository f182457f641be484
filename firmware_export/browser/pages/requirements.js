// What the browser must have, looked at before anything is loaded.

import { Failure } from "./failure.js";

// The smallest module with a SIMD instruction: (func (result v128) i32.const 0 i8x16.splat)
const SIMD = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15,
  11,
);

/** @throws {Failure} names what lacks, and what to do */
export function requireBrowser() {
  if (!globalThis.isSecureContext) {
    throw new Failure(
      `browsers give microphones and hashes only to secure pages, and ${location.origin} is not one`,
      "open the page over https://, or on this computer as http://localhost",
    );
  }
  if (typeof WebAssembly !== "object" || !WebAssembly.validate(SIMD)) {
    throw new Failure(
      "this browser has no WebAssembly SIMD, which the model's runtime needs",
      "use a browser of 2023 or later (Chrome or Edge 91, Firefox 89, Safari 16.4)",
    );
  }
  const needed = { AudioWorkletNode: "AudioWorklet", OfflineAudioContext: "Web Audio" };
  for (const [name, title] of Object.entries(needed)) {
    if (!(name in globalThis)) {
      throw new Failure(`this browser has no ${title}`, "use a browser of 2023 or later");
    }
  }
}
