// Files of this page, by their SHA-256: other bytes are refused before anything uses them.

import { Failure } from "./failure.js";

/**
 * @param {string | URL} address of a file of this page
 * @param {string} sha256 hex, that it must have
 * @returns {Promise<ArrayBuffer>}
 * @throws {Failure} not there, or other bytes
 */
export async function checkedFetch(address, sha256) {
  const name = String(address).split("/").pop();
  const data = await (await fetchFile(address, name)).arrayBuffer();
  const found = hex(await crypto.subtle.digest("SHA-256", data));
  if (found !== sha256) {
    throw new Failure(
      `${name} is not the file that was exported: its SHA-256 is ${found}, not ${sha256}`,
      "nothing of it was used: copy the page's folder again, or export it again",
    );
  }
  return data;
}

/** @returns {Promise<object>} a JSON file of this page @throws {Failure} not there, or not JSON */
export async function fetchJson(address) {
  const response = await fetchFile(address, String(address));
  try {
    return await response.json();
  } catch {
    throw new Failure(`${address} is damaged`, "copy the page's folder again");
  }
}

async function fetchFile(address, name) {
  let response;
  try {
    response = await fetch(address);
  } catch {
    throw new Failure(`${name} cannot be fetched`, "is the page's server still there? Load it again");
  }
  if (!response.ok) {
    throw new Failure(
      `${name} cannot be fetched: the server answers ${response.status}`,
      "copy the page's folder again, whole",
    );
  }
  return response;
}

function hex(buffer) {
  return Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
