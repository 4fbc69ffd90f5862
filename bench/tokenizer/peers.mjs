// One peer's encoding speed: node peers.mjs FOLDER_WITH_NODE_MODULES PEER TEXT TOKENIZER.json [PART_BYTES]
// Prints megabytes a second, the second pass over the text (the first warms), and the ids counted.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [folder, peer, file, tokenizer, part = "65536"] = process.argv.slice(2);
const from = createRequire(resolve(folder, "package.json"));
const bytes = readFileSync(file);
// The parts that loam's benchmark takes: whole lines, gathered.
const parts = [];
for (let at = 0; at < bytes.length; ) {
  const line = bytes.indexOf(10, Math.min(at + Number(part), bytes.length));
  const end = line < 0 ? bytes.length : line + 1;
  parts.push(bytes.toString("utf8", at, end));
  at = end;
}

let encode;
if (peer === "tiktoken") {
  const encoder = from("tiktoken").get_encoding("gpt2");
  encode = (text) => encoder.encode_ordinary(text).length;
} else if (peer === "gpt-tokenizer") {
  const encoder = from("gpt-tokenizer/encoding/r50k_base");
  encode = (text) => encoder.encode(text).length;
} else if (peer === "@anush008/tokenizers") {
  const encoder = from("@anush008/tokenizers").Tokenizer.fromFile(tokenizer);
  encode = async (text) => (await encoder.encode(text, null, { addSpecialTokens: false })).getIds().length;
} else {
  throw new Error(`no such peer: ${peer}; tiktoken, gpt-tokenizer or @anush008/tokenizers`);
}

let ids = 0;
let took = 0;
for (const pass of [0, 1]) {
  ids = 0;
  const began = process.hrtime.bigint();
  for (const text of parts) ids += await encode(text);
  took = Number(process.hrtime.bigint() - began) / 1e9;
}
console.log((bytes.length / 1e6 / took).toFixed(2), ids);
