// Do folders that loam wrote open in @huggingface/transformers, with the same ids?
//   scripts/setup --peers; node bench/interop/transformers.mjs LOAM data/peers FOLDER...
// FOLDERs hold tokenizer.json and tokenizer_config.json (`loam tokenizer import`, `loam export --format hf`). A mixed text,
// line by line and whole: prose, code, numbers, many scripts, emoji, white space, the folder's own special tokens. Where
// there is a chat template, dialogues rendered by it there (@huggingface/jinja) must give the ids that loam's rendering has.
// Left out is what that package does otherwise than the Rust tokenizers: \s without U+0085 and with U+FEFF, Digits by \d
// alone, Precompiled by a few rules instead of the table (unigram models: spm_encode is the judge). Exit 1 at a difference.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [loam, packages, ...folders] = process.argv.slice(2);
const where = path.resolve(packages ?? ".", "node_modules/@huggingface/transformers");
if (!fs.existsSync(where)) {
  console.log(`SKIPPED: no @huggingface/transformers at "${packages}" (scripts/setup --peers)`);
  process.exit(0);
}
const entry = createRequire(path.resolve(packages, "here.js")).resolve("@huggingface/transformers");
const { AutoTokenizer, env } = await import(pathToFileURL(entry).href);
env.allowRemoteModels = false;

const lines = [
  "The quick brown fox doesn't jump over 1,234,567.89 lazy dogs; they'll say \"WE'VE won\" at 07:30.",
  "  two leading spaces, a tab\there,   three inside, and trailing ones   ",
  "for (int i = 0; i < n; ++i) { sum += a[i] * b[i]; }\t// O(n)",
  "def f(x):\r    return {'k': [1, 2, 3]}[x]  # café",
  "Зимой в горах; Ελληνικά γράμματα; עברית עם נִקּוּד; العربية ١٢٣; हिन्दी में लिखा; ไทยไม่มีช่องว่าง",
  "日本語とカタカナ、漢字。한국어 텍스트; 中文，没有空格的句子。繁體字",
  "a\u0301 \u00e9 e\u0301 \u1e9b\u0323 \ufb01ne \u2126 \u01c5 \ufdfa",
  "😀 👩‍👩‍👧‍👦 🏳️‍🌈 🇫🇷🇩🇪 👍🏽 1️⃣ ☺️ 🫠",
  "zero\u200bwidth, no\u00a0break, \u3000ideographic, \u2003em, \u2028line",
  "€£¥ ∑∫√ ≠≤ → ⇔ ░▒▓ ▁ ╔═╗ ♥ †‡ …–—",
  "ܐܒܓ ᚠᚢᚦ ༄༅ ཀ ᠮᠣᠩᠭᠣᠯ ꦗꦮ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐍈𐌰 𒀀 🀄",
  "UPPERCASEWORDS camelCaseWords snake_case_words kebab-case-words ALLCAPS's HTTPServer2",
  "", " ", "\u0000\u0001\u007f", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "\n\n\n",
];
const dialogues = [
  [{ role: "user", content: "Hello?" }],
  [{ role: "system", content: "Be brief. \u00e9\u00e8" }, { role: "user", content: "  What is 2 + 2?\n" }],
  [{ role: "user", content: "a" }, { role: "assistant", content: "b\n\nc" }, { role: "user", content: "\u{1f600} \u6570\u5b57" }],
  [{ role: "system", content: "" }, { role: "user", content: "x" }, { role: "assistant", content: "y" }],
];
const work = fs.mkdtempSync(path.join(os.tmpdir(), "loam-interop-"));
let bad = 0;
for (const folder of folders) {
  let tokenizer;
  try {
    tokenizer = await AutoTokenizer.from_pretrained(path.resolve(folder), { local_files_only: true });
  } catch (error) {
    console.log(`${folder}: does not open there: ${error.message}`);
    bad = 1;
    continue;
  }
  const json = JSON.parse(fs.readFileSync(path.join(folder, "tokenizer.json"), "utf8"));
  const specials = (json.added_tokens ?? []).filter((t) => t.special && !/^<0x|unused|reserved/.test(t.content)).slice(0, 12).map((t) => t.content);
  const texts = [...lines, lines.join("\n"), ...specials.map((s) => `before${s}after ${s} end`), specials.join("")];
  let same = 0, count = 0;
  for (const text of texts) {
    const file = path.join(work, "text");
    fs.writeFileSync(file, text);
    const ours = execFileSync(loam, ["encode", "--tokenizer", folder, "--special", file]).toString().trim().split(/\s+/).filter(Boolean).map(Number);
    const theirs = tokenizer.encode(text, { add_special_tokens: false });
    count += theirs.length;
    if (ours.join() === theirs.join()) { ++same; continue; }
    let k = 0;
    while (k < ours.length && ours[k] === theirs[k]) ++k;
    console.log(`${folder}: ${JSON.stringify(text).slice(0, 80)}: from id ${k}: ${ours.slice(k, k + 6)} here, ${theirs.slice(k, k + 6)} there`);
  }
  let chat = "no chat template";
  if (tokenizer.chat_template) {
    let equal = 0;
    for (const messages of dialogues) {
      const file = path.join(work, "dialogue");
      fs.writeFileSync(file, JSON.stringify({ messages }));
      const ours = execFileSync(loam, ["encode", "--tokenizer", folder, "--chat", file]).toString().trim();
      const said = tokenizer.apply_chat_template(messages, { tokenize: false, add_generation_prompt: messages.at(-1).role !== "assistant" });
      const theirs = tokenizer.encode(said, { add_special_tokens: false }).join(" ");
      if (ours === theirs) ++equal;
      else console.log(`${folder}: ${JSON.stringify(said).slice(0, 200)} is\n  ${ours} here,\n  ${theirs} there`);
    }
    chat = `${equal}/${dialogues.length} dialogues equal`;
    if (equal !== dialogues.length) bad = 1;
  }
  console.log(`${folder}: ${same}/${texts.length} texts equal, ${count} ids; ${chat}`);
  if (same !== texts.length) bad = 1;
}
fs.rmSync(work, { recursive: true });
process.exit(bad);
