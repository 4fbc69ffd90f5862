#!/usr/bin/env bash
# GPT-2 encoding on one thread, warm, beside tiktoken, gpt-tokenizer and Hugging Face's tokenizers, on the same text, in turns;
# and training of a vocabulary of 32,000 on two threads.
#
#   bench/tokenizer/speed.sh [BUILD] [TEXT] [PEERS] [ROUNDS] [CORPUS_TEXT]
#
# BUILD: build/release. TEXT: a file of text (default: those that `scripts/setup --data` fetched, in one). PEERS: a folder with
# node_modules (default: data/peers, which `scripts/setup --peers` fills); GPT-2's ranks come from its tiktoken. CORPUS_TEXT: what
# the vocabulary is learnt from; none is learnt without it. Prints medians, and fails if the programs count different ids.
set -euo pipefail
here=$(realpath "$(dirname "$0")"); root=$(realpath "$here/../..")
build=$(realpath "${1:-$root/build/release}") text=${2:-} peers=$(realpath -m "${3:-$root/data/peers}") rounds=${4:-3} corpus=${5:-}
if [ ! -d "$peers/node_modules/tiktoken" ]; then echo "SKIPPED: no tiktoken at \"$peers\", whose ranks are encoded with (scripts/setup --peers)"; exit 0; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "$text" ]; then
  text=$work/text
  find "$root/data/text" "$root/data/npm/datasets-sotu" "$root/data/npm/datasets-moby-dick" -name '*.txt' -print0 2> "$work/said" | sort -z | xargs -0 -r cat > "$text"
  [ -s "$text" ] || { echo "SKIPPED: no texts in $root/data (scripts/setup --data), and none is named"; exit 0; }
fi
node "$here/ranks.mjs" "$build/loam" "$peers" gpt2 "$work/gpt2"
tokenizer=$work/gpt2/tokenizer.json
head -c 8000000 "$text" > "$work/8mb.txt"  # what the peers get: they are slow
names=(loam)
for name in tiktoken gpt-tokenizer @anush008/tokenizers; do
  if [ -d "$peers/node_modules/$name" ]; then names+=("$name"); else echo "SKIPPED: no $name at $peers (scripts/setup --peers)"; fi
done
for _ in $(seq "$rounds"); do
  for name in "${names[@]}"; do
    out=$work/$(echo "$name" | tr -d '@/')
    if [ "$name" = loam ]; then
      LOAM_BENCH_TOKENIZER=$tokenizer LOAM_BENCH_TEXT=$text "$build/bench/encode_bench" --benchmark_filter=encode --benchmark_format=json 2> "$work/said" |
        awk -F: '/bytes_per_second/ { printf "%.2f\n", $2 / 1e6 }' >> "$out"
    else
      node "$here/peers.mjs" "$peers" "$name" "$work/8mb.txt" "$tokenizer" >> "$out"
    fi
  done
done
median() { cut -d' ' -f1 "$1" | sort -g | sed -n "$(((rounds + 1) / 2))p"; }
ours=$(median "$work/loam")
printf '%-22s %8s %8s\n' encoder MB/s "loam is"
for name in "${names[@]}"; do
  theirs=$(median "$work/$(echo "$name" | tr -d '@/')")
  printf '%-22s %8.1f %7.1fx\n' "$name" "$theirs" "$(echo "$ours / $theirs" | bc -l)"
done
ids=$(LOAM_BENCH_TOKENIZER=$tokenizer LOAM_BENCH_TEXT=$work/8mb.txt "$build/bench/encode_bench" --benchmark_filter=encode --benchmark_format=json 2> "$work/said" |
  awk -F: '/"ids"/ { printf "%d", $2 }')
failed=0
for name in "${names[@]:1}"; do
  got=$(cut -d' ' -f2 "$work/$(echo "$name" | tr -d '@/')" | sort -u)
  [ "$got" = "$ids" ] || { echo "$name: $got ids of the first 8 MB, loam: $ids"; failed=1; }
done
# One letter, over and over: twice the text, twice the time.
head -c 1000000 /dev/zero | tr '\0' a > "$work/1"; head -c 4000000 /dev/zero | tr '\0' a > "$work/4"
for n in 1 4; do
  began=$(date +%s.%N); "$build/loam" encode --tokenizer "$tokenizer" "$work/$n" > "$work/ids"; echo "$n MB of one letter: $(echo "$(date +%s.%N) - $began" | bc | sed 's/^\./0./') s"
done
measured=(); [ ! -x /usr/bin/time ] || measured=(/usr/bin/time -f '%M' -o "$work/memory")
if [ -n "$corpus" ]; then
  "$build/loam" --quiet --threads 2 collect docs="$corpus" --preset none --out "$work/corpus" > "$work/said"
  for _ in $(seq "$rounds"); do
    began=$(date +%s.%N)
    "${measured[@]}" "$build/loam" --quiet --threads 2 tokenizer train --corpus "$work/corpus" --vocab-size 32000 --pattern gpt2 --out "$work/tk" --force > "$work/said"
    echo "32,000 tokens of $(stat -c %s "$corpus") bytes: $(echo "$(date +%s.%N) - $began" | bc) s, $([ -s "$work/memory" ] && echo "$(($(tail -1 "$work/memory") / 1024)) MB" || echo "memory not measured (Debian's package time)")"
  done
fi
exit $failed
