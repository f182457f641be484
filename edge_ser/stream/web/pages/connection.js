// The WebSocket: connects, and connects again for as long as the page is open.
//
// It only receives. A connection that has gone silent (a phone that slept) is given up, because
// no browser says by itself that the other side is gone.

const SHORTEST_WAIT = 500;
const LONGEST_WAIT = 15_000;
const SILENCE = 15_000;
const CLOSE_FULL = 1013;

export class Connection {
  // receive(message): every JSON object. changed(link): "connecting", "open", "lost" or "full",
  // with the seconds until the next attempt.
  constructor(receive, changed) {
    this.receive = receive;
    this.changed = changed;
    this.socket = null;
    this.timer = 0;
    this.attempts = 0;
    this.heardAt = 0;
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.hurry();
    });
    setInterval(() => this.watch(), 1000);
    this.open();
  }

  open() {
    clearTimeout(this.timer);
    this.timer = 0;
    this.changed("connecting", 0);
    const address = new URL("ws", location.href);
    address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
    address.search = address.hash = "";
    const socket = new WebSocket(address);
    let opened = false;
    this.socket = socket;
    this.heardAt = performance.now();
    socket.onopen = () => {
      opened = true;
      this.heardAt = performance.now();
      this.changed("open", 0);
    };
    socket.onmessage = (event) => {
      this.heardAt = performance.now();
      this.attempts = 0;
      this.receive(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      if (socket !== this.socket) return;
      if (!opened) this.checkToken();
      this.again(event.code === CLOSE_FULL ? "full" : "lost");
    };
  }

  again(why) {
    this.socket = null;
    const doubled = Math.min(LONGEST_WAIT, SHORTEST_WAIT * 2 ** this.attempts);
    // Not all pages at the same moment when a server comes back.
    const wait = doubled * (0.75 + Math.random() / 2);
    this.attempts = Math.min(this.attempts + 1, 10);
    this.timer = setTimeout(() => this.open(), wait);
    this.changed(why, wait / 1000);
  }

  // No waiting when there is a reason to think that it works again.
  hurry() {
    this.watch();
    if (this.timer) this.open();
  }

  watch() {
    if (this.socket && performance.now() - this.heardAt > SILENCE) {
      const silent = this.socket;
      this.again("lost");
      silent.close();
    }
  }

  // A browser does not say why a WebSocket was refused; an ordinary request does.
  async checkToken() {
    try {
      const response = await fetch("health", { cache: "no-store" });
      if (response.status === 401) location.reload();
    } catch {
      // Nobody answers: the connection's own attempts go on.
    }
  }
}
