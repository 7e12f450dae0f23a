// In go AsyncAPI documents as texts, out come the errors and warnings of AsyncAPI's own parser.
const fs = require("node:fs");
const { Parser } = require("@asyncapi/parser");

const WARNING = 1;

async function main() {
  const parser = new Parser();
  const problems = [];
  for (const text of JSON.parse(fs.readFileSync(0, "utf8"))) {
    const { document, diagnostics } = await parser.parse(text);
    const found = diagnostics.filter(({ severity }) => severity <= WARNING);
    problems.push(...found.map(({ path, message }) => `${path.join("/")}: ${message}`));
    if (!document && !found.length) problems.push("there is no document");
  }
  process.stdout.write(JSON.stringify(problems));
}

main();
