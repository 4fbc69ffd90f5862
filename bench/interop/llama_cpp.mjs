// A GGUF file by loam and by llama.cpp (npm node-llama-cpp in FOLDER), on the same prompts:
//   node llama_cpp.mjs FOLDER LOAM FILE.gguf TYPE PROMPTS.txt TOKENS [KNOWN]
// Log probabilities of the prompts' tokens, and the greedy continuation: the very ids, and where they part how much less
// likely loam's token is to llama.cpp. Prints a line of a table; exit 1 if a difference is over what the type's rounding explains,
// or if the continuation of any of the first KNOWN prompts is another.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, loam, file, type, promptsFile, tokens, known = 0] = process.argv.slice(2);
// In nats. llama.cpp looks GPT-2's GELU up in a table of halves, and rounds what is multiplied to halves with F16, to bfloats
// with BF16. With blocks both round it to whole numbers; where a sum's last bit differs, one of them may fall the other way.
// The root of the mean square must be a quarter of the largest.
const allowed = { f32: 0.005, f16: 0.03, bf16: 0.15, q8_0: 0.3, q4_0: 0.3, q4_k: 0.3 }[type];
const { getLlama } = await import(pathToFileURL(path.resolve(folder, "node_modules/node-llama-cpp/dist/index.js")).href);
const prompts = fs.readFileSync(promptsFile, "utf8").trimEnd().split("\n");
const json = (...args) => execFileSync(loam, ["--quiet", "--threads", "1", ...args], { maxBuffer: 1 << 28 }).toString().trim().split("\n").map((line) => JSON.parse(line));
const scored = json("score", file, "--lines", promptsFile);

const llama = await getLlama({ gpu: false, build: "never", logLevel: "error", maxThreads: 1 });
const model = await llama.loadModel({ modelPath: path.resolve(file) });
const context = await model.createContext({ contextSize: 512, threads: 1, flashAttention: false, experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32" });
const sequence = context.getSequence();

/// By place, llama.cpp's log probabilities of all tokens.
async function logProbs(ids) {
  await sequence.clearHistory();
  const answers = await sequence.controlledEvaluate(ids.map((id) => [id, { generateNext: { logits: true } }]));
  return answers.map((answer) => {
    const logits = answer.next.logits;
    let most = -Infinity, sum = 0;
    for (const x of logits.values()) most = Math.max(most, x);
    for (const x of logits.values()) sum += Math.exp(x - most);
    return { at: (id) => logits.get(id) - most - Math.log(sum), best: -Math.log(sum) };
  });
}

let places = 0, squares = 0, largest = 0, same = 0, sameKnown = 0, regret = 0, drawn = 0, tokenizer = 0;
for (const [i, prompt] of prompts.entries()) {
  const ids = scored[i].tokens, theirs = await logProbs(ids);
  for (let k = 1; k < ids.length; ++k, ++places) {
    const difference = Math.abs(theirs[k - 1].at(ids[k]) - scored[i].logprobs[k]);
    squares += difference ** 2;
    largest = Math.max(largest, difference);
  }
  // The prompt's own ids; a BOS, if there is one, comes before.
  const read = model.tokenize(prompt);
  if (read.join() === ids.slice(ids.length - read.length).join()) ++tokenizer;
  const ours = json("--json", "generate", file, "--prompt", prompt, "--exact-prompt", "--max-tokens", tokens, "--temperature", "0")[0].ids;
  const found = [];
  await sequence.clearHistory();
  for await (const token of sequence.evaluate(ids, { temperature: 0, yieldEogToken: true })) {
    if (model.isEogToken(token)) break;
    found.push(token);
    if (found.length >= Number(tokens)) break;
  }
  if (ours.join() === found.join()) {
    ++same;
    if (i < Number(known)) ++sameKnown;
  } else {
    const along = await logProbs([...ids, ...ours]);
    ours.forEach((id, k) => { regret = Math.max(regret, along[ids.length - 1 + k].best - along[ids.length - 1 + k].at(id)); });
  }
  drawn += ours.length;
}
const rms = Math.sqrt(squares / places);
const good = sameKnown === Number(known) && largest <= allowed && rms <= allowed / 4 && regret <= 2 * allowed && tokenizer === prompts.length && places > 0;
const cell = (text, width) => String(text).padStart(width);
console.log(`${path.basename(file).padEnd(22)} ${cell(places, 7)} ${cell(largest.toFixed(5), 10)} ${cell(rms.toFixed(5), 10)} ${cell(allowed, 8)}   ` +
  `${cell(`${same}/${prompts.length}`, 6)} ${cell(drawn, 7)} ${cell(regret.toFixed(5), 9)}   ${cell(`${tokenizer}/${prompts.length}`, 6)}   ${good ? "holds" : "DIFFERENT"}`);
process.exit(good ? 0 : 1);
