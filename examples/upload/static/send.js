/**
 * A file goes in, its progress comes out: the wire of the upload, nothing of the page in here.
 *
 *     await send(file, { onProgress: (percent) => ..., signal: controller.signal });
 */

const PIECE = 64 * 1024; // bytes in one message
const MOST_WAITING = 4 * 1024 * 1024; // bytes that may wait in the browser
const LOOK_AGAIN = 20; // milliseconds; there is no event for "less is waiting now"
const REF = 1;

/** Resolves when the server has the whole file; rejects with what went wrong. */
export function send(file, { onProgress, signal }) {
  return new Promise((resolve, reject) => {
    const url = new URL("/ws", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url);
    const stop = (why) => (reject(new Error(why)), socket.close());

    const on = {
      INITIAL: () => tell(socket, "UPLOAD_START", { name: file.name, size: file.size, ref: REF }),
      reply: () => sendPieces(socket, file).catch((error) => stop(error.message)),
      error: ({ error }) => stop(error.message),
      UPLOAD_PROGRESS: ({ value }) => onProgress(value),
      UPLOAD_FINISH: () => (resolve(), socket.close()),
    };
    socket.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      on[message.kind]?.(message);
    };
    socket.onclose = ({ reason }) => reject(new Error(reason || "The connection was lost."));
    signal.addEventListener("abort", () => stop("Cancelled."));
  });
}

function tell(socket, kind, fields) {
  socket.send(JSON.stringify({ kind, ...fields }));
}

async function sendPieces(socket, file) {
  for (let start = 0; start < file.size; start += PIECE) {
    const piece = await file.slice(start, start + PIECE).arrayBuffer();
    // The disk is faster than the network: what cannot leave yet must not pile up in memory.
    while (socket.bufferedAmount > MOST_WAITING) await pause();
    if (socket.readyState !== WebSocket.OPEN) return;
    socket.send(piece);
  }
}

function pause() {
  return new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN));
}
