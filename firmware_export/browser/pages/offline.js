// The service worker: whether this page will open without a network.

/**
 * @param {(sentence: string) => void} say told once it is known
 */
export async function keepOffline(say) {
  if (!navigator.serviceWorker) {
    say("This browser keeps no pages: without a network this one will not open.");
    return;
  }
  try {
    const registration = await navigator.serviceWorker.register("service-worker.js");
    registration.addEventListener("updatefound", () => watch(registration.installing, say));
    watch(registration.installing, say);
    await navigator.serviceWorker.ready;
    say("Stored: this page opens without a network.");
    if (registration.waiting) say(NEWER);
  } catch (error) {
    say(`Not stored for use without a network: ${error.message}`);
  }
}

const NEWER = "A newer version is stored: close every tab of this page, then open it again.";

function watch(worker, say) {
  worker?.addEventListener("statechange", () => {
    if (worker.state === "installed" && navigator.serviceWorker.controller) say(NEWER);
    if (worker.state === "redundant") {
      say("Not stored for use without a network: a file is missing or not the exported one.");
    }
  });
}
