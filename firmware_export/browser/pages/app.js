// The page's program: what each control does, and which of two things is running.
//
// Either nothing, the microphone or a file runs; a new one ends the other.

import { analyseAll, LiveAnalysis } from "./analysis.js";
import { decodeFile } from "./audio-file.js";
import { fetchJson } from "./checked-fetch.js";
import { levelDbfs, peakDbfs } from "./level.js";
import { listMicrophones, Microphone } from "./microphone.js";
import { Model } from "./model-client.js";
import { keepOffline } from "./offline.js";
import { Readings } from "./readings.js";
import { requireBrowser } from "./requirements.js";
import { checkBrowser } from "./self-check.js";
import { part, showProblem, showState, View } from "./view.js";

const READY = "Start the microphone, or choose a file.";
const PROCESSING = ["echoCancellation", "noiseSuppression", "autoGainControl"];

class Page {
  /**
   * @param {object} site `site.json`
   * @param {Model} model loaded
   */
  constructor(site, model) {
    this.site = site;
    this.model = model;
    this.readings = new Readings(site);
    this.view = new View(site, this.readings);
    this.running = null; // {stop(): Promise<void>}
    this.turn = Promise.resolve();
  }

  /** Ready: controls work from here on. */
  connect() {
    part("microphone").onclick = () => this.#inTurn(() => this.#listen());
    part("stop").onclick = () => this.#inTurn(() => this.#stop());
    part("check").onclick = () => this.#inTurn(() => this.#check());
    part("file").onchange = ({ target }) => {
      const [file] = target.files;
      target.value = ""; // the same file may be chosen again
      if (file) this.#inTurn(() => this.#analyse(file));
    };
    for (const id of ["device", ...PROCESSING]) {
      part(id).onchange = () => {
        if (this.running?.live) this.#inTurn(() => this.#listen());
      };
    }
    part("download-json").onclick = () => this.#download(this.readings.json(), "json");
    part("download-csv").onclick = () => this.#download(this.readings.csv(), "csv");
    acceptDrops((file) => this.#inTurn(() => this.#analyse(file)));
    navigator.mediaDevices?.addEventListener("devicechange", fillDevices);
    for (const id of ["microphone", "file", "check"]) part(id).disabled = false;
    part("choose").removeAttribute("aria-disabled");
    showState("Ready", "waiting", READY);
    fillDevices();
  }

  /** One thing after the other: a second click waits until the first is through. */
  #inTurn(action) {
    this.turn = this.turn.then(action).catch((error) => {
      showProblem(error);
      showState("Ready", "waiting", READY);
    });
  }

  async #listen() {
    await this.#stop();
    showProblem(null);
    showState("Waiting", "waiting", "Allow the microphone in the browser’s question.");
    const fail = (error) => {
      this.#inTurn(async () => {
        await this.#stop();
        throw error;
      });
    };
    const analysis = new LiveAnalysis(this.site, this.model, (reading) => this.#add(reading), fail);
    const microphone = new Microphone(
      this.site.sample_rate,
      (block) => {
        analysis.feed(block);
        this.view.showLevel({
          level_dbfs: levelDbfs(block),
          peak_dbfs: peakDbfs(block),
          clipped: analysis.clipped,
        });
      },
      fail,
    );
    await microphone.start(wishes());
    this.#begin(microphone.name, microphone.sourceRate, null, {
      live: true,
      stop: async () => {
        await microphone.stop();
        await analysis.finish();
      },
    });
    showState("Listening", "speech", microphone.describe());
    fillDevices(); // names are known now
  }

  async #analyse(file) {
    await this.#stop();
    showProblem(null);
    showState("Decoding", "waiting", file.name);
    const samples = await decodeFile(file, this.site.sample_rate);
    const seconds = samples.length / this.site.sample_rate;
    const cancelled = new AbortController();
    const finished = this.#runFile(file.name, samples, cancelled.signal);
    this.#begin(file.name, this.site.sample_rate, seconds, {
      live: false,
      stop: async () => {
        cancelled.abort();
        await finished;
      },
    });
    showState("Computing", "speech", `${file.name}, ${seconds.toFixed(1)} s`);
  }

  /** Runs beside the controls, so that it can be stopped. */
  async #runFile(name, samples, signal) {
    try {
      const length = samples.length;
      for await (const reading of analyseAll(this.site, this.model, samples, signal)) {
        this.#add(reading);
        const { level_dbfs, clipped, end_sample: end } = reading;
        const peak_dbfs = peakDbfs(samples.subarray(Math.max(0, end - this.site.hop_samples), end));
        this.view.showLevel({ level_dbfs, peak_dbfs, clipped });
        part("progress").value = end / length;
      }
      const count = this.readings.list.length;
      const done = signal.aborted ? "Stopped" : "Done";
      const short = `less than ${this.site.shortest_samples / this.site.sample_rate} s: no reading`;
      showState(done, "waiting", `${name}: ${count || signal.aborted ? `${count} readings` : short}`);
    } catch (error) {
      showProblem(error);
      showState("Ready", "waiting", READY);
    } finally {
      this.#ended();
    }
  }

  async #check() {
    await this.#stop();
    showProblem(null);
    part("check-result").textContent = "computing…";
    try {
      const { clips, largest, passed } = await checkBrowser(this.site, this.model);
      const tolerance = this.site.golden.tolerance;
      part("check-result").textContent =
        `${passed ? "Passed" : "FAILED"}: ${clips} clips, largest difference ` +
        `${largest.toExponential(1)}, allowed ${tolerance}`;
    } catch (error) {
      part("check-result").textContent = "could not be run";
      throw error;
    }
  }

  #begin(source, rate, duration, running) {
    this.readings.begin(source);
    this.view.begin(source, rate, duration);
    this.running = running;
    part("stop").hidden = false;
    part("microphone").hidden = running.live;
    part("progress").hidden = running.live;
    part("progress").value = 0;
  }

  async #stop() {
    const { running } = this;
    if (!running) return;
    await running.stop();
    if (!running.live) return; // a file says itself how far it came
    this.#ended();
    showState("Stopped", "waiting", READY);
  }

  #ended() {
    this.running = null;
    part("stop").hidden = true;
    part("microphone").hidden = false;
    part("progress").hidden = true;
  }

  #add(reading) {
    this.readings.add(reading);
    this.view.add(reading);
  }

  #download(text, kind) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: `text/${kind}` }));
    link.download = `edge-ser-${this.readings.begun.replaceAll(":", "-").slice(0, 19)}.${kind}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // a slow browser still reads it
  }
}

/** @returns {import("./microphone.js").Wishes} as the controls stand */
function wishes() {
  const processing = Object.fromEntries(PROCESSING.map((id) => [id, part(id).checked]));
  return { device: part("device").value, ...processing };
}

async function fillDevices() {
  const select = part("device");
  const chosen = select.value;
  const [first] = select.options;
  const microphones = await listMicrophones();
  const options = microphones.map(({ deviceId, label }, i) => {
    const name = label || `microphone ${i + 1} (start it to see its name)`;
    return new Option(name, deviceId, false, deviceId === chosen);
  });
  select.replaceChildren(first, ...options);
}

function acceptDrops(take) {
  const mark = (on) => document.body.classList.toggle("dropping", on);
  addEventListener("dragover", (event) => {
    event.preventDefault();
    mark(true);
  });
  addEventListener("dragleave", (event) => mark(event.relatedTarget !== null));
  addEventListener("drop", (event) => {
    event.preventDefault();
    mark(false);
    const [file] = event.dataTransfer.files;
    if (file) take(file);
  });
}

async function start() {
  part("starting").hidden = true;
  try {
    requireBrowser();
    const site = await fetchJson("site.json");
    const megabytes = ((site.model.bytes + site.runtime.bytes) / 1e6).toFixed(0);
    showState("Loading", "waiting", `Model and runtime, ${megabytes} MB.`);
    const model = new Model();
    await model.load(site);
    new Page(site, model).connect();
  } catch (error) {
    showProblem(error);
    showState("Not running", "waiting", "–");
    return;
  }
  await keepOffline((sentence) => {
    part("offline").textContent = sentence;
  });
}

start();
