/**
 * A thousand clients lose their connection in the same moment, and the server is back after some time: when do they come?
 *
 *     node wave.mjs CLIENT SECONDS [REASON]     prints the milliseconds from the loss to each one's connection
 *
 * At virtual times, with the clients' own code. REASON is that of the Close.
 */

import { mock } from "node:test";
import { pathToFileURL } from "node:url";

const { connect } = await import(pathToFileURL(process.argv[2]));
const away = +process.argv[3] * 1000;
const reason = process.argv[4] ?? "";
const CLIENTS = 1000;
const settle = () => new Promise((resolve) => setImmediate(resolve));

// Always the same numbers, so that the test has always the same result (mulberry32).
let seed = 7;
Math.random = () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
};

mock.timers.enable({ apis: ["setTimeout", "Date"], now: 0 });
let isUp = true;
let lostAt = 0;
const sockets = new Set();
const arrivals = [];

class Socket {
  readyState = 0;
  bufferedAmount = 0;
  constructor() {
    setTimeout(() => (isUp ? this.#accept() : this.onclose({ code: 1006, reason: "" })), 1);
  }
  #accept() {
    this.readyState = 1;
    sockets.add(this);
    if (lostAt) arrivals.push(Date.now() - lostAt);
    this.onopen({});
  }
  send(text) {
    const { ref } = JSON.parse(text);
    if (ref) this.onmessage({ data: JSON.stringify({ kind: "reply", ref, v: 1, user: null, topics: {} }) });
  }
  close() {}
}

async function pass(milliseconds) {
  for (let left = milliseconds; left > 0; left -= 5) {
    mock.timers.tick(5);
    await settle();
  }
}

const clients = Array.from({ length: CLIENTS }, () => connect("ws://server/", { WebSocket: Socket }));
await settle();
await pass(20_000); // longer than it takes for waits to begin anew
lostAt = Date.now();
isUp = away === 0;
for (const each of sockets) each.onclose({ code: reason ? 1012 : 1006, reason });
await pass(away);
isUp = true;
while (arrivals.length < CLIENTS) await pass(100);
console.log(JSON.stringify(arrivals));
for (const each of clients) each.close();
