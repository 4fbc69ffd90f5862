#!/usr/bin/env bash
# Bits a byte of held-out books after so many minutes, everything included, beside nanoGPT on the same text. In turn; medians.
#
#   NANOGPT=/path/to/nanoGPT bench/training/books.sh LOAM MINUTES ROUNDS HELD.txt TRAIN.txt...
#
# loam: collect, tokenizer, tokenize, and what is left of the minutes for `pretrain --minutes`; a seed a round. nanoGPT gets
# loam's tokens as a gift (a vocabulary of 4,096; its own choices, characters or 50,257 tokens, are worse in so few minutes) and
# PEER_SETTINGS="LAYERS HEADS WIDTH CONTEXT BATCH RATE", the best of those tried by hand (docs/benchmarks.md); its clock leaves
# tokenizing out; AUTOCAST=1 lets it compute forward in bfloat16. Python with PyTorch is /usr/bin/python3 (Debian's python3-torch, libopenblas0-openmp).
set -euo pipefail
loam=$(realpath "$1") minutes=$2 rounds=$3 held=$(realpath "$4")
shift 4
train=(); for text in "$@"; do train+=("$(realpath "$text")"); done
here=$(realpath "$(dirname "$0")")
settings=${PEER_SETTINGS:-4 4 256 128 8 0.002}
work=${BOOKS_WORK:-$(mktemp -d)}; [ -n "${BOOKS_WORK:-}" ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"; cd "$work"
median() { sort -g | awk '{v[NR] = $1} END {if (NR) print v[int((NR + 1) / 2)]}'; }

# Links, so that `collect` takes one folder; numbered, since two texts may have one name.
rm -rf texts; mkdir texts; n=0; for text in "${train[@]}"; do n=$((n + 1)); ln -s "$text" "texts/$n-$(basename "$text")"; done
rm -f ours theirs
for seed in $(seq "$rounds"); do
  began=$(date +%s.%N)
  "$loam" --quiet collect "books=$work/texts/*.txt" --out corpus --force >said
  "$loam" --quiet tokenizer train --corpus corpus --vocab-size 4096 --out tokenizer --force >said
  "$loam" --quiet tokenize --corpus corpus --tokenizer tokenizer --out tokens --force >said
  left=$(echo "$minutes * 60 - ($(date +%s.%N) - $began)" | bc -l)
  "$loam" --quiet --seed "$seed" pretrain --tokens tokens --minutes "$(echo "$left / 60" | bc -l)" ${LOAM_FLAGS:-} --out base --force >said 2>&1
  took=$(echo "$(date +%s.%N) - $began" | bc -l)
  bits=$("$loam" score base "$held" | grep -o '"bits_per_byte":[0-9.]*' | cut -d: -f2)
  printf 'loam, seed %s: %s bits a byte after %.1f s (%s)\n' "$seed" "$bits" "$took" "$(head -1 said | cut -c1-100)"
  echo "$bits" >>ours
  if [ -n "${NANOGPT:-}" ]; then
    "$loam" encode --tokenizer tokenizer "$held" >held.ids
    ( . "$here/blas.sh"; SEED=$seed MALLOC_MMAP_THRESHOLD_=8589934592 \
      MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=268435456 \
      /usr/bin/python3 -W ignore "$here/nanogpt_minutes.py" "$NANOGPT" tokens/train-00000.bin "$held" held.ids "$minutes" $settings 2>&1 | grep bits_per_byte ) | tee peer
    grep -o 'bits_per_byte [0-9.]*' peer | cut -d' ' -f2 >>theirs
  fi
done
echo "medians: loam $(median <ours)$([ -s theirs ] && echo ", nanoGPT $(median <theirs); loam needs $(echo "$(median <ours) $(median <theirs)" | awk '{printf "%.1f", 100 * (1 - $1 / $2)}') % fewer bits")"
