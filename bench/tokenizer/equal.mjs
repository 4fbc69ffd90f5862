// Are loam's ids tiktoken's? Mixed text in parts of 4 MB: every code point of Unicode in several surroundings, emoji,
// random bytes (as text: what is no UTF-8 becomes U+FFFD, for tiktoken takes text alone), then the files that are named.
// tiktoken takes time as the square of a piece's length: made-up text has a line's end at least every 64 characters, and
// lines of files longer than 4096 characters are broken there.
//
//   scripts/setup --peers; node bench/tokenizer/equal.mjs build/release/loam 100 FILE_OR_FOLDER...
//
// PACKAGES names another folder with node_modules than data/peers.
// Prints a line an encoding; exit 1 at the first part whose ids differ, which is then left beside the others.
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { importTokenizer } from "./ranks.mjs";

const [loam, megabytes, ...sources] = process.argv.slice(2);
if (!loam || !(megabytes > 0)) {
  console.error("usage: equal.mjs LOAM MEGABYTES FILE_OR_FOLDER...");
  process.exit(2);
}
const packages = path.resolve(process.env.PACKAGES ?? fileURLToPath(new URL("../../data/peers", import.meta.url)));
const require = createRequire(path.join(packages, "here.js"));
let tiktoken;
try {
  tiktoken = require("tiktoken");
} catch {
  console.log(`SKIPPED: there is no npm package tiktoken at ${packages} (scripts/setup --peers)`);
  process.exit(0);
}
const work = fs.mkdtempSync(path.join(os.tmpdir(), "loam-equal-"));
const kPart = 4 << 20;

let state = 12345;  // xorshift: the same text in every run
const random = (below) => {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
};

function* files(where) {
  const about = fs.lstatSync(where);
  if (about.isFile() && about.size < 1 << 25) yield where;
  if (about.isDirectory()) for (const name of fs.readdirSync(where).sort()) yield* files(path.join(where, name));
}

const fromBytes = (bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);

function everyCodePoint() {
  const out = [];
  for (const [before, after] of [["", ""], ["a", "b"], [" ", "s "], ["'", "1"], ["\n", "\r\n"]]) {
    for (let code = 0, n = 0; code < 0x110000; ++code) {
      if (code === 0xd800) code = 0xe000;
      const text = String.fromCodePoint(code);
      if (/\p{Cn}|\p{Co}/u.test(text)) continue;  // not assigned, or private
      out.push(before + text + after);
      if (++n % 64 === 0) out.push("\n");
    }
  }
  return out.join("");
}

function emoji(characters) {
  const joiner = "\u200d", selector = "\ufe0f";
  let out = "";
  for (let n = 1; out.length < characters; ++n) {
    if (n % 32 === 0) out += "\n";
    out += String.fromCodePoint(0x1f300 + random(0x700));
    const next = random(8);
    if (next === 0) out += joiner;
    if (next === 1) out += selector;
    if (next === 2) out += String.fromCodePoint(0x1f3fb + random(5));
    if (next === 3) out += " ";
    if (next === 4) out += String.fromCodePoint(0x1f1e6 + random(26), 0x1f1e6 + random(26));
  }
  return out;
}

function randomBytes(count, letters) {
  const bytes = Buffer.alloc(count);
  for (let i = 0; i < count; ++i) bytes[i] = i % 64 === 63 ? 10 : letters ? letters.charCodeAt(random(letters.length)) : random(256);
  return fromBytes(bytes);
}

const broken = (text) => text.replace(/[^\n]{4096}/gu, "$&\n");

/// Text in parts, until there is enough.
function* parts() {
  let left = megabytes * 1e6;
  let held = "";
  const texts = function* () {
    yield everyCodePoint();
    yield emoji(2e6);
    yield randomBytes(4e6);
    yield randomBytes(4e6, "aAbBzZ 's019\n\r\t.,'-_/\u00a0");
    for (const source of sources) for (const file of files(source)) yield broken(fromBytes(fs.readFileSync(file)));
  };
  for (const text of texts()) {
    held += text;
    while (held.length >= kPart) {
      let end = Math.min(held.length, kPart);
      if (held.charCodeAt(end - 1) >= 0xd800 && held.charCodeAt(end - 1) < 0xdc00) --end;
      const part = held.slice(0, end);
      held = held.slice(end);
      left -= Buffer.byteLength(part);
      yield part;
      if (left <= 0) return;
    }
  }
  if (held) yield held;
}

const encodings = ["gpt2", "cl100k_base", "o200k_base"].map((name) => ({
  name, tokenizer: importTokenizer(loam, packages, name, path.join(work, name)), peer: tiktoken.get_encoding(name), ids: 0, seconds: 0, bytes: 0,
}));
let number = 0;
for (const part of parts()) {
  const file = path.join(work, `part-${number++}.txt`);
  process.stderr.write(`part ${number}\r`);
  fs.writeFileSync(file, part);
  for (const each of encodings) {
    const ours = execFileSync(loam, ["encode", "--tokenizer", each.tokenizer, file], { maxBuffer: 1 << 30 }).toString("latin1").trim().split(" ");
    const began = performance.now();
    const theirs = each.peer.encode_ordinary(part);
    each.seconds += (performance.now() - began) / 1000;
    each.ids += theirs.length;
    each.bytes += Buffer.byteLength(part);
    let at = 0;
    while (at < theirs.length && Number(ours[at]) === theirs[at]) ++at;
    if (at < theirs.length || ours.length !== theirs.length) {
      console.log(`${each.name}: DIFFERENT at id ${at} of ${file}: ${ours.slice(at, at + 5)} here, ${theirs.slice(at, at + 5)} there`);
      process.exit(1);
    }
  }
  fs.rmSync(file);
}
for (const each of encodings) {
  console.log(`${each.name}: ${each.ids} ids of ${(each.bytes / 1e6).toFixed(1)} MB equal (tiktoken itself ran at ${(each.bytes / 1e6 / each.seconds).toFixed(1)} MB/s)`);
}
fs.rmSync(work, { recursive: true });
