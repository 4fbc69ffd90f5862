#!/bin/bash
# Training steps of known shapes: tokens a second, share of the machine's peak, memory; beside PyTorch if it is here.
# Writes a Markdown table. Runs of loam and PyTorch alternate; medians.
#
#   bench/training/step_speed.sh LOAM TOKENS [ROUNDS]
#   NANOGPT=/path/to/nanoGPT bench/training/step_speed.sh build/release/loam run/tokens 3
#
# TOKENS: any tokens folder of at least 100,000 tokens with ids below 257 (a byte tokenizer's). PyTorch: Debian's
# python3-torch, with libopenblas0-openmp (on the reference BLAS it is many times slower) and its allocator told to keep
# memory, the better of both settings. On a processor with bfloat16 tiles (AMX) loam takes them (--precision auto);
# PyTorch does with AUTOCAST=1. LOAM_FLAGS are loam's own.
set -euo pipefail
loam=$1 tokens=$2 rounds=${3:-3}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
median() { sort -g | awk '{v[NR] = $1} END {if (NR) print v[int((NR + 1) / 2)]}'; }
peer() {
  [ -n "${NANOGPT:-}" ] || return 0
  ( . "$here/blas.sh"; "$@" /usr/bin/python3 -W ignore "$here/nanogpt_step.py" "$NANOGPT" $case_numbers | awk '{print $2}' )
}
echo "| shape | loam, tokens/s | share of peak | memory | PyTorch, tokens/s | ratio |"
echo "|---|---|---|---|---|---|"
while read -r layers heads width context vocabulary batch steps name; do
  case_numbers="$layers $heads $width $context $vocabulary $batch $steps"
  cat > "$work/arch.json" <<JSON
{"model_type":"gpt2","vocab_size":$vocabulary,"n_layer":$layers,"n_head":$heads,"n_embd":$width,"n_positions":$context,"n_ctx":$context,"activation_function":"gelu_new","layer_norm_epsilon":1e-5,"tie_word_embeddings":true,"bos_token_id":256,"eos_token_id":256}
JSON
  : > "$work/ours"; : > "$work/theirs"; : > "$work/ratio"; : > "$work/share"
  for _ in $(seq "$rounds"); do
    "$loam" --quiet --threads 2 --json pretrain --tokens "$tokens" --arch "$work/arch.json" --batch "$batch" --context "$context" --steps $((steps + 2)) --eval-every 0 --out "$work/m" --force ${LOAM_FLAGS:-} > "$work/json" 2> /dev/null
    a=$(tail -n +3 "$work/m/metrics.jsonl" | grep -o '"tokens_per_s":[0-9.]*' | cut -d: -f2 | median)
    u=$(tail -n +3 "$work/m/metrics.jsonl" | grep -o '"flops_utilization":[0-9.]*' | cut -d: -f2 | median)
    memory=$(grep -o '"peak_memory":[0-9]*' "$work/json" | head -1 | cut -d: -f2)
    b=$( (peer env; peer env MALLOC_MMAP_THRESHOLD_=8589934592 MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=268435456) | sort -g | tail -1)
    echo "$a" >> "$work/ours"; echo "$u" >> "$work/share"
    [ -z "$b" ] || { echo "$b" >> "$work/theirs"; echo "$a $b" | awk '{print $1 / $2}' >> "$work/ratio"; }
  done
  echo "$name|$(median < "$work/ours")|$(median < "$work/share")|$memory|$(median < "$work/theirs")|$(median < "$work/ratio")" |
    awk -F'|' '{printf "| %s | %.0f | %.0f %% | %.2f GB | %s | %s |\n", $1, $2, 100 * $3, $4 / 1e9, $5 == "" ? "not here" : sprintf("%.0f", $5), $6 == "" ? "" : sprintf("%.2f", $6)}'
done <<'CASES'
4 4 128 256 257 8 200 4 layers, d = 128, T = 256, B = 8
4 4 128 64 257 12 200 4 layers, d = 128, T = 64, B = 12 (nanoGPT's CPU recipe)
6 6 384 256 257 16 8 6 layers, d = 384, T = 256, B = 16
6 6 384 256 50257 16 4 the same, V = 50,257
12 12 768 64 50304 4 8 GPT-2 124M, B = 4, T = 64
12 12 768 1024 50304 1 3 GPT-2 124M, B = 1, T = 1,024
CASES
