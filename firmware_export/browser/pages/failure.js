// Failures in words: what was wrong, and what to do about it.

export class Failure extends Error {
  /**
   * @param {string} message what was wrong, one sentence
   * @param {string} hint what to do; may be empty
   */
  constructor(message, hint = "") {
    super(message);
    this.name = "Failure";
    this.hint = hint;
  }
}

const MICROPHONE = {
  NotAllowedError: [
    "the browser does not let this page use the microphone",
    "allow it in the address bar's site settings (and in the system's privacy settings), then start again",
  ],
  NotFoundError: ["there is no microphone", "connect one, then start again"],
  NotReadableError: [
    "the microphone cannot be opened",
    "another program may hold it: close that, or choose another microphone",
  ],
  OverconstrainedError: [
    "the chosen microphone is not there any more",
    "choose another one, then start again",
  ],
  AbortError: ["the browser gave up opening the microphone", "start again"],
};

/** @param {unknown} error of getUserMedia or an AudioContext @returns {Failure} */
export function microphoneFailure(error) {
  if (error instanceof Failure) return error;
  const known = MICROPHONE[error?.name];
  if (known) return new Failure(...known);
  return new Failure(`the microphone cannot be used: ${error?.message ?? error}`, "start again");
}

/** @param {unknown} error @returns {string} one paragraph for people */
export function inWords(error) {
  const message = error?.message ?? String(error);
  const sentence = `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
  const hint = error?.hint ?? "";
  return hint ? `${sentence} ${hint.charAt(0).toUpperCase()}${hint.slice(1)}.` : sentence;
}
