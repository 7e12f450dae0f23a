/**
 * A file goes in, its progress comes out: the wire of the upload, nothing of the page in here.
 *
 *     await send(file, { onProgress: (percent) => ..., onLost: () => ..., signal: controller.signal });
 */

import { connect, Lost } from "/aiows.js";

const PIECE = 64 * 1024; // bytes in one message
const MOST_WAITING = 4 * 1024 * 1024; // bytes that may wait in the browser
const LOOK_AGAIN = 20; // milliseconds; there is no event for "less is waiting now"

/** Resolves when the server has the whole file; rejects with what went wrong. A lost connection is not that. */
export function send(file, { onProgress, onLost, signal }) {
  return new Promise((resolve, reject) => {
    const key = [...crypto.getRandomValues(new Uint32Array(4))].map((word) => word.toString(16)).join("-");
    const client = connect("/ws");
    let turn = null; // what is sent on an earlier connection ends with it

    const end = (settle, value) => {
      signal.removeEventListener("abort", cancel);
      turn = null;
      settle(value);
      client.close();
    };
    const cancel = () => end(reject, new Error("Cancelled."));

    async function go() {
      const mine = (turn = {});
      try {
        const { received } = await client.ask("UPLOAD_START", { key, name: file.name, size: file.size });
        await sendPieces(client, file, received, () => mine === turn);
      } catch (error) {
        if (!(error instanceof Lost)) end(reject, error);
      }
    }

    client.on("UPLOAD_PROGRESS", ({ value }) => onProgress(value));
    client.on("UPLOAD_FINISH", () => end(resolve));
    client.on("state", ({ state, reason }) => {
      turn = null;
      if (state === "open") go();
      else if (state === "waiting") onLost();
      else if (state === "closed") reject(new Error(reason || "The connection was closed."));
    });
    signal.addEventListener("abort", cancel);
  });
}

async function sendPieces(client, file, from, isOurTurn) {
  for (let start = from; start < file.size; start += PIECE) {
    const piece = await file.slice(start, start + PIECE).arrayBuffer();
    // The disk is faster than the network: what cannot leave yet must not pile up in memory.
    while (client.buffered > MOST_WAITING) await pause();
    if (!isOurTurn()) return;
    client.send(piece);
  }
}

function pause() {
  return new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN));
}
