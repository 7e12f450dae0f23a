/**
 * Commands come in on standard input, events go out on standard output, one JSON object a line:
 *
 *     {"do": "text", "text": "..."}  {"do": "binary", "binary": "hex"}  {"do": "close", "code": 4001, "reason": "..."}
 *     {"do": "ping", "data": "hex"}  {"do": "fragments", "fragments": ["...", "..."]}
 *
 *     {"open": {"subprotocol": "...", "extensions": "..."}}  {"text": "..."}  {"binary": "hex"}
 *     {"pong": "hex"}  {"closed": [4001, "..."]}
 */

const { createInterface } = require("node:readline");
const { readFileSync } = require("node:fs");

/** What the test asks for: where to connect, and how. */
const { url, subprotocols, compress, caFile } = JSON.parse(process.argv[2]);

function tell(event) {
  process.stdout.write(JSON.stringify(event) + "\n");
}

/** Tell what a WebSocket with the browser's interface hears. */
function tellEventsOf(socket) {
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () =>
    tell({ open: { subprotocol: socket.protocol, extensions: socket.extensions } }),
  );
  socket.addEventListener("message", ({ data }) =>
    tell(typeof data === "string" ? { text: data } : { binary: Buffer.from(data).toString("hex") }),
  );
  socket.addEventListener("close", ({ code, reason }) => tell({ closed: [code, reason] }));
  socket.addEventListener("error", (event) => console.error(event.error ?? event.message));
}

/** Run commands until standard input ends; `more` are those that only this client knows. */
function obey(socket, more = {}) {
  const commands = {
    text: ({ text }) => socket.send(text),
    binary: ({ binary }) => socket.send(Buffer.from(binary, "hex")),
    close: ({ code, reason }) => socket.close(code, reason),
    ...more,
  };
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const command = JSON.parse(line);
    commands[command.do](command);
  });
  lines.on("close", () => process.exit());
}

const ca = caFile ? readFileSync(caFile) : undefined;

module.exports = { url, subprotocols, compress, ca, tell, tellEventsOf, obey };
