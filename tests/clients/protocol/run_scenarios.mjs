/**
 * Plays the scenarios of scenarios.json against the browser client, at virtual times.
 *
 *     node run_scenarios.mjs CLIENT SCENARIOS [--first]    prints {"name": ..., "problem": null or text}, one a line
 *
 * CLIENT is the module to test. With --first it ends with the first problem. What the verbs of a scenario mean is said in scenarios.json.
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mock } from "node:test";
import { pathToFileURL } from "node:url";

const { connect, Lost, Refused } = await import(pathToFileURL(process.argv[2]));
const { scenarios } = JSON.parse(readFileSync(process.argv[3], "utf8"));
const random = Math.random;

/** Let everything happen that needs no time: promises settle, and go on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** What a browser's page says of itself: to `window` and to `document`. */
class Page {
  window = new EventTarget();
  document = Object.assign(new EventTarget(), { visibilityState: "visible" });

  constructor() {
    globalThis.document = this.document;
    globalThis.addEventListener = this.window.addEventListener.bind(this.window);
  }

  tell(event) {
    const [type, how] = event.split(" ");
    if (["visible", "hidden"].includes(type)) {
      this.document.visibilityState = type;
      this.document.dispatchEvent(new Event("visibilitychange"));
    } else {
      const target = ["freeze", "resume"].includes(type) ? this.document : this.window;
      target.dispatchEvent(Object.assign(new Event(type), { persisted: how === "cached" }));
    }
  }
}

class Player {
  sockets = [];
  told = [];
  heard = [];
  states = [];
  closings = [];
  calls = new Map();
  objects = new Map();
  streams = new Map();
  names = new Map(); // what $names stand for

  constructor({ options = {}, url = "ws://server/shop" }, world) {
    const player = this;
    this.world = world;
    class FakeSocket {
      binaryType = "";
      bufferedAmount = 0;
      readyState = 0;
      constructor(url, protocols) {
        this.url = url;
        this.protocols = protocols;
        player.sockets.push(this);
      }
      send(data) {
        assert.equal(this.readyState, 1, "it sends on a connection that is not open");
        player.told.push(typeof data === "string" ? JSON.parse(data) : { bytes: data.byteLength });
      }
      close(code, reason) {
        assert.ok(code === undefined || code === 1000 || (code >= 3000 && code < 5000), `close(${code})`);
        if (this.readyState > 1) return;
        this.readyState = 2;
        player.closings.push(code ?? null);
      }
    }
    this.client = connect(this.source(url), {
      WebSocket: FakeSocket,
      protocols: options.protocols,
    });
    this.client.on("state", (state) => this.states.push(state));
    this.client.on("error", (error) => this.heard.push(["", "error", nameOf(error)]));
    this.client.on("bytes", (data) => this.heard.push(["", "bytes", data.byteLength]));
    this.client.on("*", (message) => "@" in message || this.heard.push(["", "message", message]));
  }

  /** A list is a function that returns one after the other; "throw" among them raises. */
  source(values) {
    if (!Array.isArray(values)) return values;
    const left = [...values];
    return async () => {
      const value = left.length > 1 ? left.shift() : left[0];
      if (value === "never") await new Promise(() => {});
      if (value === "throw") throw new Error("thrown by the scenario");
      return value;
    };
  }

  get socket() {
    return this.sockets.at(-1);
  }

  async play([verb, ...args]) {
    await this[verb](...args);
    await settle();
  }

  // the application

  call(name, method, ...args) {
    if (method === "topic") return this.topic(name, args[0], args[1]);
    if (method === "stream") return this.stream(name, ...args);
    if (method === "send_bytes") [method, args] = ["send", [new Uint8Array(args[0])]];
    const fields = args[1];
    if (fields?.text?.startsWith("BIG ")) args[1] = { text: "x".repeat(fields.text.slice(4)) };
    if (args.at(-1)?.signal) args.at(-1).signal = this.signalOf(args.at(-1).signal);
    const [object, called] = method.includes(".") ? method.split(".") : ["", method];
    const target = object ? this.objects.get(object) : this.client;
    const result = target[called](...args);
    if (result instanceof Promise) this.await(name, result);
    else if (name) this.calls.set(name, { returned: result });
  }

  many(count, method, ...args) {
    for (let index = 0; index < count; index++) this.call("many", method, ...args);
  }

  signalOf(name) {
    const controller = new AbortController();
    if (name === "aborted") controller.abort();
    this.objects.set(name, controller);
    return controller.signal;
  }

  await(name, promise) {
    this.calls.set(name, "pending");
    promise.then(
      ({ kind, ref, ...fields } = {}) => this.calls.set(name, { reply: fields }),
      (error) => this.calls.set(name, nameOf(error)),
    );
  }

  topic(name, topicName, options = {}) {
    const load = options.load && this.source(options.load);
    const topic = this.client.topic(topicName, { ...options, load });
    this.objects.set(name, topic);
    topic.on("*", (message) => this.heard.push([name, "message", message]));
    topic.on("gap", (position) => this.heard.push([name, "gap", position]));
    topic.on("joined", ({ recovered }) => this.heard.push([name, "joined", recovered]));
    topic.on("refused", ({ code }) => this.heard.push([name, "refused", code]));
    this.await(`${name}.ready`, topic.ready.then(() => ({})));
  }

  stream(name, ...args) {
    const stream = this.client.stream(...args);
    this.streams.set(name, stream);
    this.next(name);
  }

  /** Ask for the next item of a stream. */
  next(name) {
    this.await(name, this.streams.get(name).next().then(({ value, done }) => (done ? { done } : value)));
  }

  leave(name) {
    this.streams.get(name).return();
  }

  answer(kind, how) {
    this.client.answer(kind, async (question, signal) => {
      signal.onabort = () => this.heard.push(["", "taken back", kind]);
      if (how.wait) await new Promise((resolve) => setTimeout(resolve, how.wait * 1000));
      if ("code" in how) throw Object.assign(new Error(how.code), { code: how.code });
      return how.items ? (async function* () { yield* how.items; })() : how.value;
    });
  }

  listen(kind, how) {
    const end = this.client.on(kind, (message) => {
      if (how === "throw") throw new Error("thrown by the scenario");
      this.heard.push(["", kind, message]);
      if (how === "once") end();
    });
  }

  // the server and the world

  accept() {
    this.socket.readyState = 1;
    this.socket.onopen({});
  }

  /** The handshake, and the hello with its answer. */
  begin(topics = {}, joined = {}, more = {}) {
    this.accept();
    const ref = `$hello${this.sockets.length}`;
    this.hear({ kind: "aiows.hello", ref, v: 1, session: "$session", topics });
    this.say({ kind: "reply", ref, v: 1, user: null, idle: 25, topics: joined, ...more.reply });
  }

  say(message) {
    this.socket.onmessage({ data: JSON.stringify(this.filled(message)) });
  }

  /** Several messages are read before anything else happens. */
  say_all(...messages) {
    for (const message of messages) this.say(message);
  }

  flood(count, message) {
    for (let index = 0; index < count; index++) this.say(message);
  }

  say_text(text) {
    this.socket.onmessage({ data: text });
  }

  say_bytes(size) {
    this.socket.onmessage({ data: new ArrayBuffer(size) });
  }

  close(code, reason = "") {
    this.socket.readyState = 3;
    this.socket.onclose({ code, reason });
  }

  buffer(bytes) {
    this.socket.bufferedAmount = bytes;
  }

  random(value) {
    Math.random = () => value;
  }

  /** Seconds go by, timer after timer. */
  async after(seconds) {
    const step = Math.max(1, seconds * 10);
    for (let left = seconds * 1000; left > 1e-6; left -= step) {
      mock.timers.tick(Math.min(step, left));
      await settle();
    }
  }

  /** The clock goes on while nothing runs, as on a machine that sleeps. */
  sleep(seconds) {
    mock.timers.setTime(Date.now() + seconds * 1000);
  }

  page(event) {
    this.world.tell(event);
  }

  // what has to have happened

  dialed(count, url) {
    const seen = this.dialedBefore ?? 0;
    assert.equal(this.sockets.length - seen, count, "attempts to connect");
    this.dialedBefore = this.sockets.length;
    if (url) assert.equal(this.socket.url, url);
  }

  hear(...messages) {
    const told = this.told.splice(0);
    assert.equal(told.length, messages.length, `it said ${JSON.stringify(told)}`);
    messages.forEach((message, index) => this.match(told[index], message));
  }

  heard_count(count) {
    assert.equal(this.told.splice(0).length, count);
  }

  protocols(expected) {
    assert.deepEqual(this.socket.protocols ?? null, expected);
  }

  events(...events) {
    const heard = this.heard.splice(0);
    assert.deepEqual(heard, this.filled(events));
  }

  state(expected) {
    const { state } = this.client;
    if (typeof expected === "string") return assert.equal(state, expected);
    const last = { ...this.states.at(-1) };
    if ("wait" in last) last.wait = Math.round(last.wait) / 1000;
    assert.deepEqual({ ...last, ...expected }, last);
  }

  result(name, expected) {
    assert.deepEqual(this.calls.get(name), this.filled(expected));
  }

  position(name, expected) {
    assert.deepEqual(this.objects.get(name).position, expected);
  }

  closed(...codes) {
    assert.deepEqual(this.closings.splice(0), codes);
  }

  opened(count) {
    assert.equal(this.states.filter(({ state }) => state === "open").length, count, "times that it was open");
  }

  user(expected) {
    assert.equal(this.client.user, expected);
  }

  // names for what only one side knows

  match(actual, expected) {
    const bound = this.bound(actual, expected);
    assert.deepEqual(actual, bound);
  }

  /** Replace $names by what they stand for; a new one stands for what is there. */
  bound(actual, expected) {
    if (typeof expected === "string" && expected.startsWith("$")) {
      if (!this.names.has(expected)) this.names.set(expected, checked(expected, actual, this.names));
      return this.names.get(expected);
    }
    if (expected === null || typeof expected !== "object") return expected;
    if (Array.isArray(expected)) return expected.map((each, index) => this.bound(actual?.[index], each));
    return Object.fromEntries(Object.entries(expected).map(([key, each]) => [key, this.bound(actual?.[key], each)]));
  }

  filled(value) {
    return JSON.parse(JSON.stringify(value), (_, each) =>
      typeof each === "string" && this.names.has(each) ? this.names.get(each) : each,
    );
  }
}

/** A name stands for a session, for a ref, or, beginning with $once, for the ref of a `once` request. */
function checked(name, value, names) {
  assert.ok(![...names.values()].includes(value), `${name} is ${value}, which something else was already`);
  if (name === "$session") assert.match(value, /^[\w-]{22}$/);
  else if (name.startsWith("$once")) assert.match(value, /^[\w-]{22}\.\d+$/);
  else assert.ok(Number.isInteger(value), `the ref is ${value}`);
  return value;
}

function nameOf(error) {
  if (error instanceof Refused) return { refused: error.code };
  if (error instanceof Lost) return { lost: error.maybe };
  return { raised: error.name };
}

async function play(scenario) {
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  Math.random = () => 0.5;
  const page = new Page();
  const player = new Player(scenario, page);
  try {
    await settle();
    for (const [index, step] of scenario.steps.entries()) {
      try {
        await player.play(step);
      } catch (error) {
        return `step ${index + 1}, ${JSON.stringify(step)}: ${error.message}`;
      }
    }
    return null;
  } finally {
    player.client.close();
    mock.timers.reset();
    Math.random = random;
  }
}

/** A scenario with `each` is one for each of these values, which take the place of EACH in its steps. */
function* variants({ each = [null], ...scenario }) {
  for (const value of each) {
    const name = value === null ? scenario.name : `${scenario.name}: ${JSON.stringify(value)}`;
    const steps = JSON.parse(JSON.stringify(scenario.steps), (_, word) => (word === "EACH" ? value : word));
    yield { ...scenario, name, steps };
  }
}

for (const scenario of scenarios.flatMap((each) => [...variants(each)])) {
  const problem = await play(scenario);
  console.log(JSON.stringify({ name: scenario.name, problem }));
  if (problem && process.argv[4] === "--first") break;
}
