#!/usr/bin/env bash
# memory.sh LOAM MEGABYTES BOOK...: the most memory (ru_maxrss) each stage of the data path takes for so many megabytes of documents and for ten
# times as many, as a table: the growth is to stay within 10 %. The documents are those of texts.sh, made of the books; STAGES="near lines" names
# the stages that are wanted, WORK a folder to keep the documents in for the next time. 2 threads; needs Debian's package time, and 12 times the
# larger input as room on the disk. 100 megabytes take about an hour.
set -euo pipefail
[ $# -ge 3 ] || { echo "usage: bench/data/memory.sh LOAM MEGABYTES BOOK..." >&2; exit 2; }
[ -x /usr/bin/time ] || { echo "memory.sh: there is no /usr/bin/time (Debian's package time)" >&2; exit 1; }
loam=$(realpath "$1") megabytes=$2 here=$(dirname "$(realpath "$0")")
shift 2
stages=${STAGES:-plain lines near substrings against decontaminate replay fineweb tokenizer tokenize}
if [ -n "${WORK:-}" ]; then
  work=$WORK
  mkdir -p "$work"
else
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi

# run NAME SIZE COMMAND...: its most memory in kB into NAME-SIZE.kb, its processor time in seconds into NAME-SIZE.s
run() {
  local name=$1 size=$2
  shift 2
  /usr/bin/time -f '%M %U %S' -o "$work/time" "$loam" --threads 2 "$@" > "$work/said" 2>&1 || { cat "$work/said" >&2; exit 1; }
  tail -1 "$work/time" | awk -v n="$work/$name-$size" '{ print $1 > (n ".kb"); printf "%.0f\n", $2 + $3 > (n ".s") }'
}
quietly() { "$loam" --threads 2 "$@" > "$work/said" 2>&1 || { cat "$work/said" >&2; exit 1; }; }
# What other corpora and evaluation files are: the same in both sizes.
[ -s "$work/other.jsonl" ] || "$here/texts.sh" 20 "$1" > "$work/other.jsonl"
[ -s "$work/test.jsonl" ] || head -2000 "$work/other.jsonl" | tail -1000 | cut -c 1-600 | sed 's/$/"}/' > "$work/test.jsonl"
[ -e "$work/other/manifest.json" ] || quietly collect x="$work/other.jsonl" --preset none --out "$work/other" --force
for size in "$megabytes" "$((megabytes * 10))"; do
  texts=$work/$size.jsonl lined=$work/$size-lines.jsonl
  case " $stages " in *" fineweb "*) [ -s "$lined" ] || { LINES=1 "$here/texts.sh" "$size" "$@" > "$lined.new" && mv "$lined.new" "$lined"; } ;; esac
  [ -s "$texts" ] || { "$here/texts.sh" "$size" "$@" > "$texts.new" && mv "$texts.new" "$texts"; }
  for stage in $stages; do
    out=$work/out-$stage
    rm -rf "$out"
    case $stage in
      plain) run plain "$size" collect x="$texts" --out "$out" ;;
      lines) run lines "$size" collect x="$texts" --repeated lines --out "$out" ;;
      near) run near "$size" collect x="$texts" --dedup near --out "$out" ;;
      substrings) run substrings "$size" collect x="$texts" --repeated substrings --out "$out" ;;
      against) run against "$size" collect x="$texts" --dedup near --against "$work/other" --out "$out" ;;
      decontaminate) run decontaminate "$size" collect x="$texts" --decontaminate "$work/test.jsonl" --out "$out" ;;
      fineweb) run fineweb "$size" collect x="$lined" --preset fineweb --out "$out" ;;
      replay | tokenizer | tokenize)
        [ -e "$work/corpus-$size/manifest.json" ] || quietly collect x="$texts" --out "$work/corpus-$size" --force
        case $stage in
          replay) run replay "$size" collect --replay "$work/corpus-$size" --preset gopher --out "$out" ;;
          tokenizer) run tokenizer "$size" tokenizer train --corpus "$work/corpus-$size" --vocab-size 4096 --out "$out" ;;
          tokenize)
            [ -e "$work/tokenizer/tokenizer.json" ] || quietly tokenizer train --corpus "$work/corpus-$megabytes" --vocab-size 4096 --out "$work/tokenizer" --force
            run tokenize "$size" tokenize --corpus "$work/corpus-$size" --tokenizer "$work/tokenizer" --out "$out" ;;
        esac ;;
      *) echo "memory.sh: there is no stage $stage" >&2; exit 2 ;;
    esac
    rm -rf "$out"
  done
done

small=$megabytes large=$((megabytes * 10))
printf '| %-14s | %8s | %8s | %7s | %14s |\n' stage "$small MB" "$large MB" growth "processor time"
printf '| %-14s | %8s | %8s | %7s | %14s |\n' --- ---: ---: ---: ---:
for stage in $stages; do
  awk -v stage="$stage" -v a="$(cat "$work/$stage-$small.kb")" -v b="$(cat "$work/$stage-$large.kb")" -v s="$(cat "$work/$stage-$small.s")" -v t="$(cat "$work/$stage-$large.s")" \
    'BEGIN { printf "| %-14s | %5.0f MB | %5.0f MB | %+5.0f %% | %4d s, %5d s |\n", stage, a / 1024, b / 1024, 100 * (b / a - 1), s, t }'
done
