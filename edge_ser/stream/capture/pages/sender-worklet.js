// Collects the microphone's samples into blocks of 16-bit integers; runs on the audio thread.

const FRAMES = 2048;

class Collector extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Int16Array(FRAMES);
    this.filled = 0;
  }

  process([channels]) {
    const [samples] = channels;
    if (!samples) return true; // the microphone has not begun, or is being replaced
    for (const sample of samples) {
      const bounded = Math.max(-1, Math.min(1, sample));
      this.block[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(bounded * 32768)));
      if (this.filled === FRAMES) {
        this.port.postMessage(this.block.buffer, [this.block.buffer]);
        this.block = new Int16Array(FRAMES);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("collector", Collector);
