// Compile sheets with less.js: a JSON list of [text, filename or null] in, a JSON list of
// {css} or {error} out. The argument is the package's folder.
import { createRequire } from "node:module";

const less = createRequire(import.meta.url)(process.argv[2]);
let input = "";
for await (const piece of process.stdin) input += piece;
const results = [];
for (const [text, filename] of JSON.parse(input)) {
  try {
    results.push({ css: (await less.render(text, filename ? { filename } : {})).css });
  } catch (error) {
    results.push({ error: `${error.type}: ${error.message}` });
  }
}
console.log(JSON.stringify(results));
