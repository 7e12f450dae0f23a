/** The npm package `ws` as a client: see talk.cjs. */

const { WebSocket } = require("ws");
const { url, subprotocols, compress, ca, tell, tellEventsOf, obey } = require("./talk.cjs");

// Below the threshold ws sends as it is: with 0 it compresses everything.
const perMessageDeflate = compress ? { threshold: 0 } : false;
const socket = new WebSocket(url, subprotocols, { perMessageDeflate, ca });

tellEventsOf(socket);
socket.on("pong", (data) => tell({ pong: data.toString("hex") }));

obey(socket, {
  ping: ({ data }) => socket.ping(Buffer.from(data, "hex")),
  fragments: ({ fragments }) =>
    fragments.forEach((text, index) => socket.send(text, { fin: index === fragments.length - 1 })),
});
