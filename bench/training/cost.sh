#!/bin/bash
# How a training step's cost grows: with its tokens at one length, and with the length of its sequences at one number of
# tokens. Writes two Markdown tables; "expected" takes the first row's time and counts operations: 6 N a token, and
# 6 L T C more for attention's own products (half of its square is masked).
#
#   bench/training/cost.sh LOAM TOKENS [STEPS]
#
# TOKENS: a tokens folder of at least 100,000 tokens with ids below 257.
set -euo pipefail
loam=$1 tokens=$2 steps=${3:-5}
layers=6 width=384
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
median() { sort -g | awk '{v[NR] = $1} END {print v[int((NR + 1) / 2)]}'; }
# step BATCH T: seconds of a step, and the most memory held, in bytes.
step() {
  cat > "$work/arch.json" <<JSON
{"model_type":"gpt2","vocab_size":257,"n_layer":$layers,"n_head":6,"n_embd":$width,"n_positions":$2,"n_ctx":$2,"activation_function":"gelu_new","layer_norm_epsilon":1e-5,"tie_word_embeddings":true,"bos_token_id":256,"eos_token_id":256}
JSON
  "$loam" --quiet --json pretrain --tokens "$tokens" --arch "$work/arch.json" --batch "$1" --context "$2" --steps $((steps + 2)) --eval-every 0 --out "$work/m" --force > "$work/json" 2> /dev/null
  rate=$(tail -n +3 "$work/m/metrics.jsonl" | grep -o '"tokens_per_s":[0-9.]*' | cut -d: -f2 | median)
  echo "$1 $2 $rate $(grep -o '"peak_memory":[0-9]*' "$work/json" | head -1 | cut -d: -f2)"
}
table() {
  awk -v layers="$layers" -v width="$width" '
    BEGIN { print "| B x T | tokens | seconds a step | expected | microseconds a token | memory |"; print "|---|---|---|---|---|---|" }
    { tokens = $1 * $2; n = 12 * layers * width * width + 257 * width; ops = tokens * (6 * n + 6 * layers * $2 * width); s = tokens / $3
      if (NR == 1) per = s / ops
      printf "| %d x %d | %d | %.3f | %.3f | %.1f | %.2f GB |\n", $1, $2, tokens, s, per * ops, 1e6 / $3, $4 / 1e9 }'
}
echo "Tokens of a step, T = 256 ($layers layers, d = $width, V = 257):"
echo
for batch in 2 4 8 16 32; do step "$batch" 256; done | table
echo
echo "Length of the sequences, 4,096 tokens a step:"
echo
for context in 64 128 256 512 1024 2048 4096; do step $((4096 / context)) "$context"; done | table
