/**
 * A WebSocket that speaks kinds and comes back by itself: kinds in and out, nothing of the page in here.
 *
 *     const socket = new KindSocket(() => "/ws?name=Ada");
 *     socket.on("chat.said", ({ message }) => show(message));
 *     socket.connect();
 *     socket.tell("chat.typing");                                        // wants no answer
 *     const { id } = await socket.ask("chat.send", { text: "Hello" });   // waits for the answer
 */

const FIRST_WAIT = 400; // milliseconds
const LONGEST_WAIT = 10_000;
const ANSWER_WITHIN = 10_000;

export class KindSocket extends EventTarget {
  #address;
  #socket = null;
  #handlers = new Map();
  #asked = new Map(); // ref -> { resolve, reject, timer }
  #lastRef = 0;
  #failures = 0;
  #retry = null;

  /** `address` is asked again before every attempt; its answer is relative to the page. */
  constructor(address) {
    super();
    this.#address = address;
    window.addEventListener("online", () => this.retryNow());
  }

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Call `handler(message)` for every message of this kind. */
  on(kind, handler) {
    this.#handlers.set(kind, handler);
  }

  connect() {
    const url = new URL(this.#address(), location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.onopen = () => this.dispatchEvent(new Event("open"));
    socket.onmessage = (event) => this.#receive(JSON.parse(event.data));
    socket.onclose = () => socket === this.#socket && this.#lost();
  }

  /** Close for good: no reconnect. */
  close() {
    clearTimeout(this.#retry);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    this.#failAsked();
  }

  /** Do not wait for the next attempt. */
  retryNow() {
    if (this.#retry === null) return;
    clearTimeout(this.#retry);
    this.#retry = null;
    this.connect();
  }

  /** Send and forget. False: there is no connection right now. */
  tell(kind, fields = {}) {
    if (!this.open) return false;
    this.#socket.send(JSON.stringify({ kind, ...fields }));
    return true;
  }

  /** Send and wait for the answer; rejects with the server's message and `code` when it refuses. */
  ask(kind, fields = {}) {
    const ref = ++this.#lastRef;
    return new Promise((resolve, reject) => {
      if (!this.tell(kind, { ...fields, ref })) return reject(new Error("There is no connection."));
      const timer = setTimeout(() => this.#settle(ref, new Error("No answer.")), ANSWER_WITHIN);
      this.#asked.set(ref, { resolve, reject, timer });
    });
  }

  #receive(message) {
    this.#failures = 0;
    if (this.#asked.has(message.ref)) {
      const refused = message.kind === "error";
      this.#settle(message.ref, refused ? asError(message.error) : message);
      return;
    }
    this.#handlers.get(message.kind)?.(message);
  }

  #settle(ref, outcome) {
    const { resolve, reject, timer } = this.#asked.get(ref);
    clearTimeout(timer);
    this.#asked.delete(ref);
    if (outcome instanceof Error) reject(outcome);
    else resolve(outcome);
  }

  #lost() {
    // Every wait is twice the last at most, and anywhere below that: after a restart the
    // server is not met by everybody in the same instant.
    const wait = Math.random() * Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#failures++);
    this.#failAsked();
    this.#retry = setTimeout(() => this.retryNow(), wait);
    this.dispatchEvent(new CustomEvent("lost", { detail: { wait } }));
  }

  #failAsked() {
    for (const ref of [...this.#asked.keys()]) {
      this.#settle(ref, new Error("The connection was lost."));
    }
  }
}

function asError({ code, message }) {
  return Object.assign(new Error(message), { code });
}
