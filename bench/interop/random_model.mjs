// A Hugging Face folder with weights of chance, wide enough that answers are not flat:
//   node random_model.mjs gpt2|llama|qwen2|qwen3 VOCABULARY_SIZE OUT
// Standard deviation 0.06, norms about 1; F32. The tokenizer's files are put there by the caller.
import fs from "node:fs";
import path from "node:path";

const [shape, vocab, out] = [process.argv[2], Number(process.argv[3]), process.argv[4]];
const width = 256, hidden = 768, layers = 3, heads = 4, keys = shape === "gpt2" ? 4 : 2, size = 64, context = 512;
const llama = {
  architectures: [{ llama: "LlamaForCausalLM", qwen2: "Qwen2ForCausalLM", qwen3: "Qwen3ForCausalLM" }[shape]],
  model_type: shape, vocab_size: vocab, max_position_embeddings: context, num_hidden_layers: layers, hidden_size: width,
  num_attention_heads: heads, num_key_value_heads: keys, head_dim: size, intermediate_size: hidden, rms_norm_eps: 1e-6,
  rope_theta: shape === "llama" ? 10000 : 1000000, hidden_act: "silu", tie_word_embeddings: shape !== "llama",
  bos_token_id: vocab - 1, eos_token_id: vocab - 1, torch_dtype: "float32",
};
if (shape === "llama") {
  llama.rope_scaling = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 128 };
}
const gpt2 = {
  architectures: ["GPT2LMHeadModel"], model_type: "gpt2", vocab_size: vocab, n_positions: context, n_ctx: context, n_embd: width,
  n_layer: layers, n_head: heads, n_inner: null, activation_function: "gelu_new", layer_norm_epsilon: 1e-5,
  bos_token_id: vocab - 1, eos_token_id: vocab - 1, tie_word_embeddings: true, torch_dtype: "float32",
};

const tensors = [];
const add = (name, ...dims) => tensors.push({ name, dims });
if (shape === "gpt2") {
  add("wte.weight", vocab, width);
  add("wpe.weight", context, width);
  for (let i = 0; i < layers; ++i) {
    for (const [name, from, to] of [["attn.c_attn", width, 3 * width], ["attn.c_proj", width, width], ["mlp.c_fc", width, 4 * width], ["mlp.c_proj", 4 * width, width]]) {
      add(`h.${i}.${name}.weight`, from, to);
      add(`h.${i}.${name}.bias`, to);
    }
    for (const name of ["ln_1", "ln_2"]) {
      add(`h.${i}.${name}.weight`, width);
      add(`h.${i}.${name}.bias`, width);
    }
  }
  add("ln_f.weight", width);
  add("ln_f.bias", width);
} else {
  add("model.embed_tokens.weight", vocab, width);
  if (shape === "llama") add("lm_head.weight", vocab, width);
  for (let i = 0; i < layers; ++i) {
    const at = `model.layers.${i}.`;
    for (const [name, rows] of [["q", heads], ["k", keys], ["v", keys]]) {
      add(`${at}self_attn.${name}_proj.weight`, rows * size, width);
      if (shape === "qwen2") add(`${at}self_attn.${name}_proj.bias`, rows * size);
    }
    add(`${at}self_attn.o_proj.weight`, width, heads * size);
    if (shape === "qwen3") for (const name of ["q", "k"]) add(`${at}self_attn.${name}_norm.weight`, size);
    add(`${at}mlp.gate_proj.weight`, hidden, width);
    add(`${at}mlp.up_proj.weight`, hidden, width);
    add(`${at}mlp.down_proj.weight`, width, hidden);
    add(`${at}input_layernorm.weight`, width);
    add(`${at}post_attention_layernorm.weight`, width);
  }
  add("model.norm.weight", width);
}

let state = 88172645463325252n;  // xorshift64: the same weights in every run
const uniform = () => {
  state ^= (state << 13n) & 0xffffffffffffffffn;
  state ^= state >> 7n;
  state ^= (state << 17n) & 0xffffffffffffffffn;
  return Number(state >> 11n) / 2 ** 53;
};
const header = {};
let end = 0;
for (const t of tensors) {
  const begin = end;
  end += 4 * t.dims.reduce((a, b) => a * b, 1);
  header[t.name] = { dtype: "F32", shape: t.dims, data_offsets: [begin, end] };
}
const text = Buffer.from(JSON.stringify(header)), length = Buffer.alloc(8), values = new Float32Array(end / 4);
length.writeBigUInt64LE(BigInt(text.length));
let i = 0;
for (const t of tensors) {
  const norm = /norm\.weight$|ln_(1|2|f)\.weight$/.test(t.name);
  for (const last = i + t.dims.reduce((a, b) => a * b, 1); i < last; ++i) {
    // The sum of four even numbers, of mean 0 and deviation 1, is normal enough.
    const normal = (uniform() + uniform() + uniform() + uniform() - 2) * Math.sqrt(3);
    values[i] = (norm ? 1 : 0) + 0.06 * normal;
  }
}
fs.mkdirSync(out, { recursive: true });
fs.writeFileSync(path.join(out, "config.json"), JSON.stringify(shape === "gpt2" ? gpt2 : llama, null, 1));
fs.writeFileSync(path.join(out, "model.safetensors"), Buffer.concat([length, text, Buffer.from(values.buffer)]));
