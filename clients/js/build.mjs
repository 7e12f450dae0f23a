/**
 * Builds the package: `node build.mjs [FOLDER]`, in `dist` unless another folder is named.
 *
 *     aiows.js        one ES module, to read and to bundle
 *     aiows.min.js    the same, minified, with a source map
 *     aiows.d.ts      its types, in one file
 *     static/         the minified module and the types, as aiows.client_js() serves them
 */

import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const { buildSync } = require("esbuild");
const out = resolve(process.argv[2] ?? join(HERE, "dist"));

const LICENSE = "/*! aiows, a WebSocket client. Licence: Apache-2.0 */";
// In this order nothing is used before it is declared.
const TYPES = ["wire", "contract", "asked", "line", "topic", "client"];

rmSync(out, { recursive: true, force: true });
for (const [name, minify] of [["aiows.js", false], ["aiows.min.js", true]]) {
  buildSync({
    absWorkingDir: HERE,
    entryPoints: ["src/aiows.ts"],
    outfile: join(out, name),
    bundle: true,
    format: "esm",
    target: "es2022",
    banner: { js: LICENSE },
    minify,
    sourcemap: minify,
  });
}

const tsc = join(dirname(require.resolve("typescript/package.json")), "bin", "tsc");
execFileSync(process.execPath, [tsc, "-p", HERE, "--outDir", join(out, "types")], { stdio: "inherit" });
const declarations = TYPES.map((name) => readFileSync(join(out, "types", `${name}.d.ts`), "utf8"))
  .map((text) => text.replace(/^import [^;]*;\n/gm, "").replace(/^export \{\};\n/gm, ""))
  .join("\n");
writeFileSync(join(out, "aiows.d.ts"), `${LICENSE}\n\n${declarations}`);
rmSync(join(out, "types"), { recursive: true });

mkdirSync(join(out, "static"));
const module = readFileSync(join(out, "aiows.min.js"), "utf8");
writeFileSync(join(out, "static", "aiows.js"), module.replace(/^\/\/# sourceMappingURL=.*\n/m, ""));
writeFileSync(join(out, "static", "aiows.d.ts"), readFileSync(join(out, "aiows.d.ts")));
