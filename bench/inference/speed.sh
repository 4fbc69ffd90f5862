#!/usr/bin/env bash
# Prompt and token speed on the CPU, beside llama.cpp (npm node-llama-cpp), on the same files, in turns.
#
#   bench/inference/speed.sh [LOAM] [PEERS] [THREADS] [ROUNDS]
#
# LOAM: build/release/loam. PEERS: a folder with node_modules (default: data/peers, which `scripts/setup --peers` fills); without
# it loam is measured alone. The model is a Llama of 109M parameters with weights of chance: speed does not depend on what
# they say. Prints medians and ratios.
set -euo pipefail
here=$(realpath "$(dirname "$0")"); root=$(realpath "$here/../..")
loam=$(realpath "${1:-$root/build/release/loam}"); peer=$(realpath -m "${2:-$root/data/peers}"); threads=${3:-2}; rounds=${4:-5}
work=${SPEED_WORK:-/tmp/loam-speed}; mkdir -p "$work"; cd "$work"
export prompt_tokens=500 new_tokens=128
say() { printf '%s\n' "$*" >&2; }

if [ ! -e f16.gguf ] || [ ! -e q8_0.gguf ] || [ ! -e q4_0.gguf ]; then
  say "making the model (once): $work"
  cat >config.json <<'JSON'
{"model_type": "llama", "vocab_size": 32000, "max_position_embeddings": 1024, "num_hidden_layers": 12, "hidden_size": 768,
 "num_attention_heads": 12, "num_key_value_heads": 12, "intermediate_size": 2048, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
 "hidden_act": "silu", "tie_word_embeddings": true, "bos_token_id": 0, "eos_token_id": 0}
JSON
  run() { "$loam" --quiet --threads "$threads" "$@" >/dev/null; }
  run collect docs="$root/docs/*.md" --preset none --out corpus --force
  run tokenizer train --corpus corpus --vocab-size 1000 --out tokenizer --force
  run tokenize --corpus corpus --tokenizer tokenizer --out tokens --force
  run pretrain --tokens tokens --arch config.json --out model --steps 1 --batch 1 --context 64 --eval-every 0 --force
  for type in f16 q8_0 q4_0; do run export model --format gguf --type $type --out $type.gguf --force; done
fi
# The same text for both, about as long as wanted; each counts its own tokens.
[ -e prompt.txt ] || head -c 4000 "$root/docs/architecture.md" >prompt.txt
have_peer=
if [ -d "$peer/node_modules/node-llama-cpp" ]; then have_peer=1; else say "SKIPPED: no node-llama-cpp at \"$peer\" (scripts/setup --peers): loam alone is measured"; fi

ours() {
  "$loam" --quiet --json --threads "$threads" generate "$1" --prompt "$(head -c "$bytes" prompt.txt)" --exact-prompt --max-tokens $new_tokens --temperature 0 | tail -1 |
    node -e 'const r=JSON.parse(require("fs").readFileSync(0)); console.log(r.prompt_tokens, r.prompt_tokens/r.prompt_seconds, (r.tokens-1)/r.generate_seconds)'
}
# Bytes of the prompt that make prompt_tokens tokens.
bytes=$("$loam" encode --tokenizer tokenizer prompt.txt | cut -d' ' -f1-$prompt_tokens | "$loam" decode --tokenizer tokenizer - | wc -c)

printf '%-6s %-10s %10s %10s\n' type program prompt/s tokens/s
for type in f16 q8_0 q4_0; do
  rm -f ours.txt theirs.txt
  for _ in $(seq "$rounds"); do
    ours $type.gguf >>ours.txt
    if [ -n "$have_peer" ]; then node "$here/llama_cpp.mjs" "$peer" "$type.gguf" "$threads" >>theirs.txt; fi
  done
  median() { cut -d' ' -f"$2" "$1" | sort -g | sed -n "$(((rounds + 1) / 2))p"; }
  a=$(median ours.txt 2) b=$(median ours.txt 3)
  printf '%-6s %-10s %10.1f %10.1f\n' $type loam "$a" "$b"
  [ -n "$have_peer" ] || continue
  c=$(median theirs.txt 2) d=$(median theirs.txt 3)
  printf '%-6s %-10s %10.1f %10.1f\n' $type llama.cpp "$c" "$d"
  printf '%-6s %-10s %10.2f %10.2f\n' $type ratio "$(echo "$a / $c" | bc -l)" "$(echo "$b / $d" | bc -l)"
done
