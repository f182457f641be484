// Makes this device the microphone: samples go over a WebSocket to where the page came from.
// Non-goals: compression, storing anything. A lost connection is made again; a slow one drops
// blocks rather than letting them wait, and says so.

const LONGEST_WAIT = 1; // seconds of sound in the browser's send buffer
const FIRST_PAUSE = 500; // milliseconds, doubling up to the longest
const LONGEST_PAUSE = 10_000;
const GOING_AWAY = [1001, 1006, 1011, 1012, 1013]; // close codes after which trying again helps

const form = document.getElementById("form");
const token = document.getElementById("token");
const button = document.getElementById("button");
const level = document.getElementById("level");
const state = document.getElementById("state");

let sending = null; // what runs; null while nothing does

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (sending) {
    stop("Not sending.");
    return;
  }
  try {
    await start();
  } catch (error) {
    stop(`The microphone cannot be used: ${error.message}`);
  }
});

document.addEventListener("visibilitychange", () => {
  if (sending && document.visibilityState === "visible") keepScreenOn();
});

async function start() {
  if (!navigator.mediaDevices) {
    throw new Error("browsers allow it only over https, or on localhost");
  }
  const run = { ready: false, dropped: 0, pause: FIRST_PAUSE };
  sending = run;
  button.textContent = "Stop";
  state.textContent = "Asking for the microphone …";
  run.media = await navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
  });
  run.context = new AudioContext();
  await run.context.audioWorklet.addModule("sender-worklet.js");
  if (sending !== run) return release(run); // stopped meanwhile
  run.collector = new AudioWorkletNode(run.context, "collector", {
    channelCount: 1,
    channelCountMode: "explicit",
  });
  run.collector.port.onmessage = ({ data }) => send(run, data);
  run.context.createMediaStreamSource(run.media).connect(run.collector);
  run.collector.connect(run.context.destination); // silence; some browsers run nothing else
  run.media.getAudioTracks()[0].onended = () => stop("The microphone was taken away.");
  await run.context.resume();
  keepScreenOn();
  connect(run);
}

function connect(run) {
  const address = new URL("/", location.href);
  address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
  run.socket = new WebSocket(address);
  state.textContent = "Connecting …";
  run.socket.onopen = () => {
    const hello = { rate: run.context.sampleRate, channels: 1, format: "s16le" };
    if (token.value) hello.token = token.value;
    run.socket.send(JSON.stringify(hello));
  };
  run.socket.onmessage = ({ data }) => {
    const answer = JSON.parse(data);
    run.error = answer.error;
    run.ready = Boolean(answer.ready);
    if (run.ready) {
      run.pause = FIRST_PAUSE;
      state.textContent = "Sending.";
    }
  };
  run.socket.onclose = ({ code }) => {
    run.ready = false;
    if (sending !== run) return;
    if (!GOING_AWAY.includes(code)) {
      stop(`Refused: ${run.error ?? `code ${code}`}`);
      return;
    }
    state.textContent = `${run.error ?? "No connection"}; trying again …`;
    run.timer = setTimeout(() => connect(run), run.pause);
    run.pause = Math.min(2 * run.pause, LONGEST_PAUSE);
  };
}

function send(run, block) {
  const samples = new Int16Array(block);
  let energy = 0;
  for (const sample of samples) energy += sample * sample;
  level.value = 10 * Math.log10(energy / samples.length / 2 ** 30 + 1e-12);
  if (!run.ready) return;
  if (run.socket.bufferedAmount > 2 * run.context.sampleRate * LONGEST_WAIT) {
    run.dropped += samples.length / run.context.sampleRate;
    state.textContent = `Sending; the network is slow, ${run.dropped.toFixed(1)} s were lost.`;
    return;
  }
  run.socket.send(block);
}

function stop(reason) {
  const run = sending;
  sending = null;
  button.textContent = "Start";
  state.textContent = reason;
  level.value = level.min;
  if (run) release(run);
}

function release(run) {
  clearTimeout(run.timer);
  run.socket?.close();
  run.media?.getTracks().forEach((track) => track.stop());
  run.context?.close();
  run.screen?.release();
}

async function keepScreenOn() {
  const run = sending;
  try {
    const screen = await navigator.wakeLock?.request("screen"); // a phone that sleeps is deaf
    if (sending === run) run.screen = screen;
    else screen?.release(); // stopped meanwhile
  } catch {
    // Not permitted, or no such thing: the user has to keep it on.
  }
}
