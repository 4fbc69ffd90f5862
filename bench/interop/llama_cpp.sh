#!/usr/bin/env bash
# Exported GGUF files, by loam and by llama.cpp: the same ids, log probabilities and greedy continuations?
#
#   bench/interop/llama_cpp.sh [LOAM] [PEERS] [MODEL...]
#
# LOAM: build/release/loam. PEERS: a folder with node_modules (default: data/peers, which `scripts/setup --peers` fills). MODELs:
# model folders to ask beside eight small ones, of GPT-2's shape, Llama's (grouped queries, scaled positions), Qwen 2's (biases)
# and Qwen 3's (norms of queries and keys): four trained here until they know a text by heart (half a minute each), which both
# programs must continue with the very same tokens (BF16 aside), and four with weights of chance. These, and the trained ones on
# text they never saw, often choose between two tokens as likely: there the programs may part, and nowhere else.
# Exit 1 if any file disagrees beyond its type's rounding. INTEROP_WORK keeps the files (default: a new folder, removed).
set -euo pipefail
here=$(realpath "$(dirname "$0")"); root=$(realpath "$here/../..")
loam=$(realpath "${1:-$root/build/release/loam}"); peer=${2:-$root/data/peers}; shift $(($# < 2 ? $# : 2))
if [ ! -d "$peer/node_modules/node-llama-cpp" ]; then
  echo "SKIPPED: no node-llama-cpp at \"$peer\" (scripts/setup --peers)"; exit 0
fi
peer=$(realpath "$peer")
models=(); for m in "$@"; do models+=("$(realpath "$m")"); done
work=${INTEROP_WORK:-$(mktemp -d)}; [ -n "${INTEROP_WORK:-}" ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"; cd "$work"
run() { "$loam" --quiet "$@" >/dev/null; }

cat >prompts.txt <<'TEXT'
Once upon a time
The weather in Paris was so bad that nobody
#include <vector>  // a program
Il était une fois, à l'été, un garçon naïf
数字 12345 and 😀 smile
She said: "I don't know what you're talking about, 3.14 or not!"
TEXT
if [ ! -e tokenizer ]; then
  run collect "licences=/usr/share/common-licenses/*" --preset none --out corpus --force
  run tokenizer train --corpus corpus --vocab-size 1000 --chat --out tokenizer --force
fi
# What the trained ones are asked: beginnings of the text they know (Debian's base-files has it, the same for years), whose
# continuations must be the same, then the rest.
text=/usr/share/common-licenses/Apache-2.0
sed -n 's/^ *\([A-Za-z][^"]\{30\}\).*/\1/p' "$text" | awk 'NR % 5 == 1' | head -20 >known.txt
known=$(wc -l <known.txt)
cat prompts.txt >>known.txt
if [ ! -e pages ]; then
  run collect "text=$text" --preset none --out page --force
  run tokenize --corpus page --tokenizer tokenizer --out pages --force
fi
for shape in gpt2 llama qwen2 qwen3; do
  if [ ! -e "$shape" ]; then
    node "$here/random_model.mjs" "$shape" 1008 "hf-$shape"
    cp tokenizer/tokenizer.json tokenizer/tokenizer_config.json "hf-$shape/"
    run import "hf-$shape" --out "$shape" --force
  fi
  models+=("$work/$shape")
  if [ ! -e "trained-$shape" ]; then
    run pretrain --tokens pages --arch "hf-$shape/config.json" --batch 8 --context 128 --steps 300 --eval-every 0 --lr 0.001 --out "trained-$shape" --force
  fi
  models+=("$work/trained-$shape")
done

bad=0
echo "file                   places    largest        rms  allowed   greedy  tokens    regret      ids"
for model in "${models[@]}"; do
  for type in f32 f16 bf16 q8_0 q4_0 q4_k; do
    file="$(basename "$model")-$type.gguf"
    if ! said=$("$loam" --quiet export "$model" --format gguf --type "$type" --out "$file" --force 2>&1); then
      case $said in *"multiple of 256"*|*"256"*) echo "$file  not for these widths: Q4_K takes rows of 256"; continue ;; esac
      echo "$file  $said"; bad=1; continue
    fi
    case $file in  # with BF16 llama.cpp rounds what is multiplied to eight bits; loam does not
      trained-*-bf16.gguf) node "$here/llama_cpp.mjs" "$peer" "$loam" "$file" "$type" known.txt 24 || bad=1 ;;
      trained-*) node "$here/llama_cpp.mjs" "$peer" "$loam" "$file" "$type" known.txt 24 "$known" || bad=1 ;;
      *) node "$here/llama_cpp.mjs" "$peer" "$loam" "$file" "$type" prompts.txt 24 || bad=1 ;;
    esac
  done
done
exit $bad
