// In go a document and messages with pointers to their schemas in it, out comes which are not as it says.
const fs = require("node:fs");
const Ajv = require("ajv");

const { document, messages } = JSON.parse(fs.readFileSync(0, "utf8"));
const ajv = new Ajv({ strict: false, validateFormats: false });
ajv.addSchema(document, "document");

const problems = [];
for (const [pointer, message] of messages) {
  const validate = ajv.compile({ $ref: `document#${pointer}` });
  if (!validate(message)) {
    problems.push(`${pointer}: ${ajv.errorsText(validate.errors)}: ${JSON.stringify(message)}`);
  }
}
process.stdout.write(JSON.stringify(problems));
