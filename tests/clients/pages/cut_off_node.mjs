/** Runs cut_off.mjs in Node: `node cut_off_node.mjs MODULE URL ws|builtin`. A line ends it: what the last messages are. */

import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { begin } from "./cut_off.mjs";

const [, , path, url, which] = process.argv;
const require = createRequire(import.meta.url);
const WebSocket = which === "ws" ? require("ws") : globalThis.WebSocket;
const running = begin(await import(pathToFileURL(path)), url, { WebSocket });
await running.joined;
console.log("begun");
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await running.stop(JSON.parse(line))));
  process.exit();
}
