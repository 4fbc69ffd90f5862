// Chat templates, rendered by `loam render`, by npm's @huggingface/jinja and by Python's Jinja as transformers runs it: the same?
//   node templates.mjs FOLDER_WITH_NODE_MODULES LOAM TEMPLATES_FOLDER
// TEMPLATES_FOLDER holds NAME.jinja, or NAME.json, a tokenizer_config.json with a chat template; beside NAME.jinja may stand
// NAME.variables.json: an object of variables (or a list of these) that is rendered too. Every template is given the dialogues
// below. A dialogue that is refused on both sides counts as equal. What npm's package does otherwise than Python (lists as JSON,
// attributes of nothing, filters it lacks) is counted, and Python decides; without python3-jinja2, npm's package does.
// Prints a line a template and each difference; exit 1 if there is one.
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";

const [packages, loam, folder] = process.argv.slice(2);
const { Template } = createRequire(path.resolve(packages, "here.js"))("@huggingface/jinja");

const user = (content) => ({ role: "user", content }), says = (content) => ({ role: "assistant", content }), system = (content) => ({ role: "system", content });
const tools = [
  { type: "function", function: { name: "weather", description: "The weather's \"state\" in a place <b>&amp;</b>", parameters: { type: "object", required: ["place", "unit"],
    properties: { place: { type: "string", description: "a town, é" }, unit: { type: "string", enum: ["C", "F"] }, days: { type: "integer", default: 3 }, wind: { type: "boolean" }, at: { type: "array", items: { type: "number" } } } } } },
  { type: "function", function: { name: "time", description: "", parameters: { type: "object", properties: {} } } },
];
const call = (args, id = "call00001") => ({ id, type: "function", function: { name: "weather", arguments: args } });
const args = { place: "Nîmes", unit: "C", days: 2, wind: true, at: [1.5, 2, -0.25], none: null };
const answer = { role: "tool", name: "weather", tool_call_id: "call00001", content: '{"t": 21.5}' };
const dialogues = {
  plain: { messages: [user("Hello?")] },
  system: { messages: [system("Be brief."), user("What is 2 + 2?")] },
  turns: { messages: [user("a"), says("b\n\nc"), user("d")] },
  "system, turns": { messages: [system(" S\n"), user("a"), says("b"), user("c"), says("d"), user("  e ")] },
  answered: { messages: [user("a"), says("b")], add_generation_prompt: false },
  "answered, open": { messages: [user("a"), says("b")], add_generation_prompt: true },
  "not open": { messages: [system("S"), user("a")], add_generation_prompt: false },
  "empty contents": { messages: [system(""), user(""), says(""), user("")] },
  "empty system": { messages: [system(""), user("a")] },
  "white space": { messages: [user(" \t a \n\n"), says("\n b\u00a0"), user("\u3000c\u2028")] },
  unicode: { messages: [system("Été, naïveté"), user("数字 12345 и 😀 👩‍👩‍👧‍👦"), says("日本語。\u0301"), user("עברית العربية ﷺ")] },
  braces: { messages: [user("{{ bos_token }} {% if x %} {# c #} }} %} {{{"), says("{% raw %}{{ 1 }}"), user("{'a': \"b\"}\\n\\\\")] },
  "special tokens": { messages: [user("<|im_end|><|eot_id|></s>[INST]<end_of_turn>"), says("<|im_start|>system\nno<think>x</think>y"), user("<s><|endoftext|>")] },
  "HTML, quotes": { messages: [user("<a href='x'>\"&amp;\" it's</a>"), says("a\\\"b'c"), user("\u0000\u0001\u007f")] },
  tools: { messages: [user("How is the weather?")], tools },
  "system, tools": { messages: [system("S"), user("How is the weather?")], tools },
  "tool calls": { messages: [user("Weather?"), { role: "assistant", content: "", tool_calls: [call(args)] }, answer, says("Warm."), user("And now?")], tools },
  "tool calls, texts": { messages: [user("Weather?"), { role: "assistant", content: "Let me see.", tool_calls: [call(JSON.stringify(args))] }, answer], tools },
  "two calls": { messages: [user("Weather?"), { role: "assistant", content: null, tool_calls: [call(args), call({}, "call00002")] }, answer, { ...answer, tool_call_id: "call00002" }], tools },
  thought: { messages: [user("a"), { role: "assistant", reasoning_content: "hm\nhm", content: "b" }, user("c"), says("<think>\nx\n</think>\n\ny"), user("d")], enable_thinking: false },
  thinking: { messages: [user("a"), says("<think>\nx\n</think>\n\ny")], enable_thinking: true },
  parts: { messages: [user([{ type: "text", text: "What is " }, { type: "text", text: "this?" }]), says([{ type: "text", text: "That." }]), user("o")] },
  pictures: { messages: [user([{ type: "image" }, { type: "text", text: "Whose?" }])] },
  "wrong order": { messages: [says("a"), says("b"), user("c"), user("d")] },
  "other roles": { messages: [{ role: "developer", content: "D" }, { role: "ipython", content: "I" }, { role: "critic", content: "C" }] },
  "other names": { messages: [user("a")], custom: 1, documents: [{ title: "T", text: "a\nb" }], date_string: "26 Jul 2024" },
  none: { messages: [] },
};

/// What transformers puts beside the messages.
const beside = { bos_token: "<s>", eos_token: "</s>", unk_token: "<unk>", pad_token: "<pad>", tools: null, documents: null, add_generation_prompt: true, date_string: "26 Jul 2024" };

function attempt(work) {
  try {
    return { text: work() };
  } catch (error) {
    return { error: String(error.stderr ?? error.message).trim().split("\n").pop() };
  }
}
const same = (a, b) => a.text === b.text;  // both undefined: both refused
function told(name, a, b) {
  let at = 0;
  while (a.text && b.text && a.text[at] === b.text[at]) ++at;
  const part = (each) => each.error ? `refused: ${each.error}` : JSON.stringify(each.text.slice(Math.max(0, at - 20), at + 60));
  console.log(`${name}: from character ${at}\n  here  ${part(a)}\n  there ${part(b)}`);
}

const cases = [];
for (const file of fs.readdirSync(folder).sort()) {
  if (!/\.jinja$|\.json$/.test(file) || file.endsWith(".variables.json")) continue;
  let source = fs.readFileSync(path.join(folder, file), "utf8");
  if (file.endsWith(".json")) {
    source = JSON.parse(source).chat_template;
    if (Array.isArray(source)) source = source.find((each) => each.name === "default")?.template;
    if (typeof source !== "string") continue;
  }
  const given = { ...dialogues }, more = path.join(folder, file.replace(/\.[a-z]+$/, ".variables.json"));
  if (fs.existsSync(more)) [JSON.parse(fs.readFileSync(more, "utf8"))].flat().forEach((each, i) => { given[`its own ${i + 1}`] = each; });
  for (const [name, variables] of Object.entries(given)) cases.push({ file, name, source, variables: { ...beside, ...variables } });
}

const script = path.join(path.dirname(new URL(import.meta.url).pathname), "templates.py");
const python = spawnSync("python3", [script], { input: cases.map(({ source, variables }) => JSON.stringify({ source, variables })).join("\n"), maxBuffer: 1 << 30 });
const judged = python.status === 0 ? python.stdout.toString().trim().split("\n").map((line) => JSON.parse(line)) : null;
if (!judged) console.log("SKIPPED: Python's Jinja (apt-get install python3-jinja2); npm's package alone is asked");

const template = path.join(os.tmpdir(), `loam-template-${process.pid}.jinja`);
const counts = new Map();
for (const [i, { file, name, source, variables }] of cases.entries()) {
  fs.writeFileSync(template, source);
  const ours = attempt(() => execFileSync(loam, ["render", template], { input: JSON.stringify(variables), stdio: "pipe" }).toString());
  const theirs = attempt(() => new Template(source).render(structuredClone(variables)));
  const count = counts.get(file) ?? { texts: 0, refused: 0, python: 0, bad: 0 };
  counts.set(file, count);
  if (judged ? !same(ours, judged[i]) : !same(ours, theirs)) {
    ++count.bad;
    told(`${file}, ${name}`, ours, judged ? judged[i] : theirs);
  } else if (ours.error) {
    ++count.refused;
  } else {
    ++count.texts;
  }
  if (judged && same(ours, judged[i]) && !same(ours, theirs)) ++count.python;
}
fs.rmSync(template, { force: true });
const sum = (key) => [...counts.values()].reduce((total, count) => total + count[key], 0);
const line = ({ texts, refused, python, bad }) => `${bad ? `${bad} DIFFERENT, ` : ""}${texts} texts equal, ${refused} refused alike${python ? `; npm's package does ${python} otherwise` : ""}`;
for (const [file, count] of counts) console.log(`${file}: ${line(count)}`);
const all = { texts: sum("texts"), refused: sum("refused"), python: sum("python"), bad: sum("bad") };
console.log(`${counts.size} templates, ${cases.length} dialogues: ${line(all)}`);
process.exit(all.bad || all.texts === 0 ? 1 : 0);
