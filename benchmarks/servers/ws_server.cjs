// node's ws: several servers behind one HTTP server, as its documentation has it.

const { createServer } = require("http");
const { WebSocket, WebSocketServer } = require("ws");

const options = { noServer: true, perMessageDeflate: true };
const paths = {
  "/echo": new WebSocketServer(options),
  "/json": new WebSocketServer(options),
  "/fan-out": new WebSocketServer(options),
};

paths["/echo"].on("connection", (ws) => {
  ws.on("message", (data, isBinary) => ws.send(data, { binary: isBinary }));
});

paths["/json"].on("connection", (ws) => {
  ws.on("message", (data) => {
    const order = JSON.parse(data);
    if (order.kind === "order.create") {
      ws.send(JSON.stringify({ kind: "reply", ref: order.ref, total: order.count * order.price }));
    }
  });
});

paths["/fan-out"].on("connection", (ws) => {
  ws.on("message", (data, isBinary) => {
    for (const client of paths["/fan-out"].clients) {
      if (client.readyState === WebSocket.OPEN) {
        client.send(data, { binary: isBinary });
      }
    }
  });
});

const server = createServer();

server.on("upgrade", (request, socket, head) => {
  const wss = paths[request.url];
  wss.handleUpgrade(request, socket, head, (ws) => wss.emit("connection", ws, request));
});

server.listen(Number(process.argv[2]), "127.0.0.1");
