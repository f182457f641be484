// On the audio thread: the mean of the microphone's channels, in blocks, to the page.
//
// Runs every 128 frames and must never wait.

const BLOCK_SECONDS = 0.032;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(Math.ceil(sampleRate * BLOCK_SECONDS));
    this.filled = 0;
  }

  process([channels]) {
    if (channels.length === 0) return true; // no microphone is connected at this moment
    const frames = channels[0].length;
    if (this.filled + frames > this.block.length) this.#send();
    for (let i = 0; i < frames; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      this.block[this.filled + i] = sum / channels.length;
    }
    this.filled += frames;
    return true;
  }

  #send() {
    const samples = this.block.slice(0, this.filled);
    this.port.postMessage(samples, [samples.buffer]);
    this.filled = 0;
  }
}

registerProcessor("capture", Capture);
