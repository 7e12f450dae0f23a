/** The npm package `undici`, the WebSocket of Node itself, as a client: see talk.cjs. It always offers to compress. */

const { Agent, WebSocket } = require("undici");
const { url, subprotocols, ca, tellEventsOf, obey } = require("./talk.cjs");

const dispatcher = new Agent({ connect: { ca } });
const socket = new WebSocket(url, { protocols: subprotocols, dispatcher });

tellEventsOf(socket);
obey(socket);
