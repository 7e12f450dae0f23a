/** A page with one topic: it keeps the number of each message, for the test to look at. */

import { connect } from "/aiows.js";

const seen = [];
const states = [];
const gaps = [];
const client = connect("/ws");
client.on("state", ({ state }) => states.push(state));
const topic = client.topic("room:a", { last: 1000 });
topic.on("said", ({ n }) => seen.push(n));
topic.on("gap", (position) => gaps.push(position));

globalThis.room = { client, topic, seen, states, gaps };
