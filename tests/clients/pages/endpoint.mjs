/** What becomes of a client at an endpoint: `node endpoint.mjs MODULE URL PLAN` prints a report as JSON. */

import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [, , path, url, plan] = process.argv;
const { connect } = await import(pathToFileURL(path));
const { topics = [], ignored = [], loads = {}, asks = [], tell, hears = 0, opens = 1, errors = 0 } = JSON.parse(plan);
const WebSocket = createRequire(import.meta.url)("ws");
const report = { states: [], heard: [], errors: [], topics: {}, answers: [], loads: 0 };
const client = connect(url, { WebSocket });

client.on("*", (message) => report.heard.push(message));
client.on("error", (error) => report.errors.push(error.code ?? error.message));
client.on("state", ({ state, code }) => report.states.push(code ? `${state} ${code}` : state));

const codeOf = (error) => error.code ?? error.name;

/** Until it is so, for ten seconds at most. */
async function until(isSo) {
  const end = Date.now() + 10_000;
  while (!isSo() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
}

function load() {
  report.loads++;
  return loads[this.name];
}

for (const name of ignored) client.topic(name);
for (const name of topics) {
  report.topics[name] = "joining";
  const settled = (state) => (report.topics[name] = state);
  const options = name in loads ? { load: load.bind({ name }) } : {};
  client.topic(name, options).ready.then(() => settled("joined"), (error) => settled(codeOf(error)));
}
await until(() => ["open", "closed"].includes(client.state));
for (const [kind, fields, options] of asks) {
  const asked = client.ask(kind, fields, { timeout: 5000, ...options });
  report.answers.push(await asked.then(({ result }) => result ?? null, codeOf));
}
if (tell) report.told = client.tell(tell, { to: "you" });
await until(() => report.heard.length >= hears && report.errors.length >= errors);
await until(() => report.states.filter((state) => state === "open").length >= opens || client.state === "closed");
await until(() => Object.values(report.topics).filter((state) => state === "joining").length <= errors);
await client.ask("aiows.ping", {}, { timeout: 200 }).catch(() => {}); // what goes on in a loop has gone on meanwhile
report.state = client.state;
report.user = client.user;
console.log(JSON.stringify(report));
client.close();
process.exit();
