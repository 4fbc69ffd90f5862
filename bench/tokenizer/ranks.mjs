// A tokenizer folder of loam's from the ranks that npm's tiktoken carries:
//   node ranks.mjs LOAM FOLDER_WITH_NODE_MODULES gpt2|cl100k_base|o200k_base OUT
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

export function importTokenizer(loam, packages, name, out) {
  const { bpe_ranks } = createRequire(path.resolve(packages, "here.js"))(`tiktoken/encoders/${name}.json`);
  const lines = [];
  for (const line of bpe_ranks.split("\n")) {
    const [, first, ...tokens] = line.split(" ");
    tokens.forEach((token, i) => lines.push(`${token} ${Number(first) + i}`));
  }
  fs.writeFileSync(`${out}.tiktoken`, lines.join("\n") + "\n");
  execFileSync(loam, ["--quiet", "tokenizer", "import", `${out}.tiktoken`, "--pattern", name.replace("_base", ""), "--out", out]);
  return out;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) importTokenizer(...process.argv.slice(2, 6));
