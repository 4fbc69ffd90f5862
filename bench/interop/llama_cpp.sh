#!/usr/bin/env bash
# Exported GGUF files, by loam and by llama.cpp: the same ids, log probabilities and greedy continuations?
#
#   bench/interop/llama_cpp.sh LOAM FOLDER [MODEL...]
#
# FOLDER holds node_modules (npm install node-llama-cpp there). MODELs: model folders to ask beside three small ones with
# weights of chance: GPT-2's shape, Llama's (grouped queries, scaled positions), Qwen's (biases; norms of queries and keys).
# Exit 1 if any file disagrees beyond its type's rounding. INTEROP_WORK keeps the files (default: a new folder, removed).
set -euo pipefail
loam=$(realpath "$1"); peer=${2:-}; shift; shift || true
here=$(realpath "$(dirname "$0")"); root=$(realpath "$here/../..")
if [ -z "$peer" ] || [ ! -d "$peer/node_modules/node-llama-cpp" ]; then
  echo "SKIPPED: no node-llama-cpp at \"$peer\" (npm install node-llama-cpp there)"; exit 0
fi
peer=$(realpath "$peer")
models=(); for m in "$@"; do models+=("$(realpath "$m")"); done
work=${INTEROP_WORK:-$(mktemp -d)}; [ -n "${INTEROP_WORK:-}" ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"; cd "$work"
run() { "$loam" --quiet --threads 1 "$@" >/dev/null; }

cat >prompts.txt <<'TEXT'
Once upon a time
The weather in Paris was so bad that nobody
#include <vector>  // a program
Il était une fois, à l'été, un garçon naïf
数字 12345 and 😀 smile
She said: "I don't know what you're talking about, 3.14 or not!"
TEXT
if [ ! -e tokenizer ]; then
  run collect docs="$root/docs/*.md" --preset none --out corpus --force
  run tokenizer train --corpus corpus --vocab-size 1000 --chat --out tokenizer --force
fi
for shape in gpt2 llama qwen2 qwen3; do
  if [ ! -e "$shape" ]; then
    node "$here/random_model.mjs" "$shape" 1008 "hf-$shape"
    cp tokenizer/tokenizer.json tokenizer/tokenizer_config.json "hf-$shape/"
    run import "hf-$shape" --out "$shape" --force
  fi
  models+=("$work/$shape")
done

bad=0
echo "file               places    largest        rms  allowed   greedy  tokens    regret      ids"
for model in "${models[@]}"; do
  for type in f32 f16 bf16 q8_0 q4_0 q4_k; do
    file="$(basename "$model")-$type.gguf"
    if ! said=$("$loam" --quiet export "$model" --format gguf --type "$type" --out "$file" --force 2>&1); then
      case $said in *"multiple of 256"*|*"256"*) echo "$file  not for these widths: Q4_K takes rows of 256"; continue ;; esac
      echo "$file  $said"; bad=1; continue
    fi
    node "$here/llama_cpp.mjs" "$peer" "$loam" "$file" "$type" prompts.txt 24 || bad=1
  done
done
exit $bad
