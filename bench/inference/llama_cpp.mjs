// llama.cpp's prompt and token speed through node-llama-cpp:  node llama_cpp.mjs FOLDER FILE.gguf THREADS
// Prints: prompt tokens, prompt tokens a second, generated tokens a second. A first prompt, not counted, warms it up.
import {createRequire} from "node:module";
import path from "node:path";
import {pathToFileURL} from "node:url";

const [folder, file, threads] = process.argv.slice(2);
const promptTokens = Number(process.env.prompt_tokens ?? 500), newTokens = Number(process.env.new_tokens ?? 128);
const require = createRequire(path.resolve(folder, "index.js"));
const {getLlama} = await import(pathToFileURL(path.resolve(folder, "node_modules/node-llama-cpp/dist/index.js")).href);

const llama = await getLlama({gpu: false, build: "never", logLevel: "error", maxThreads: Number(threads)});
const model = await llama.loadModel({modelPath: path.resolve(file)});
const context = await model.createContext({contextSize: 1024, batchSize: 512, threads: Number(threads), flashAttention: process.env.flash === "1"});
const sequence = context.getSequence();
const ids = Array.from({length: promptTokens}, (_, i) => 5 + (i * 7919) % 900);
await sequence.evaluateWithoutGeneratingNewTokens(ids.slice(0, 64));
await sequence.clearHistory();
const now = () => Number(process.hrtime.bigint()) / 1e9;
const began = now();
await sequence.evaluateWithoutGeneratingNewTokens(ids);
const read = now();
let n = 0, first = 0;
for await (const token of sequence.evaluate([5], {temperature: 0, yieldEogToken: true})) {
  if (n === 0) first = now();
  if (++n === newTokens) break;
}
const ended = now();
console.log(promptTokens, promptTokens / (read - began), (n - 1) / (ended - first));
await context.dispose();
process.exit(0);
