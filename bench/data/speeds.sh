#!/usr/bin/env bash
# speeds.sh BUILD DATA [RUNS]: how fast loam's data path is on one core, as a table: each figure with what was wanted of it. BUILD is a
# build folder (loam and bench/collect_bench in it), DATA a folder of real files (web/warc, web/trafilatura-eval.tar.zst, wiki). Processor time, the best
# of RUNS (3). About a minute.
set -euo pipefail
TIMEFORMAT='%U %S'
[ $# -ge 2 ] || { echo "usage: bench/data/speeds.sh BUILD DATA [RUNS]" >&2; exit 2; }
build=$1 data=$2 runs=${3:-3}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

row() { printf '| %-52s | %10s | %10s |\n' "$1" "$2" "$3"; }
# best COMMAND...: the least processor time of the runs, in seconds
best() {
  for _ in $(seq "$runs"); do
    rm -rf "$tmp/out"
    { time "$@" > "$tmp/said" 2>&1 || { cat "$tmp/said" >&2; exit 1; }; } 2> "$tmp/time" || { cat "$tmp/time" >&2; exit 1; }
    tail -1 "$tmp/time"
  done | awk '{ t = $1 + $2; if (NR == 1 || t < b) b = t } END { print (b > 0 ? b : 0.01) }'
}
per() { awk -v n="$1" -v t="$2" 'BEGIN { printf "%.1f", n / t }'; }

LOAM_BENCH_TEXT=$data/wiki/wiki_demo.txt LOAM_BENCH_WIKI=$data/wiki/enwiki-pages-articles-sample.xml.bz2 \
  LOAM_BENCH_WARC=$data/web/warc/geocities-aut-example.warc.gz \
  "$build/bench/collect_bench" --benchmark_repetitions="$runs" --benchmark_min_time=0.3 --benchmark_format=csv 2> /dev/null > "$tmp/bench.csv"
# of NAME: MB of processor time a second, the best
of() { awk -F, -v n="\"$1\"" '$1 == n { v = $6 / 1e6; if (v > b) b = v } END { printf "%.1f", b }' "$tmp/bench.csv"; }

# items NAME: items a second, the best
items() { awk -F, -v n="\"$1\"" '$1 == n { v = $7; if (v > b) b = v } END { printf "%.0f", b }' "$tmp/bench.csv"; }

row "what, one core" measured wanted
row "---" "---:" "---:"
row "gopher/datatrove, MB of text a second" "$(of preset/gopher_quality)" ""
row "gopher-repetition" "$(of preset/gopher_repetition)" ""
row "c4" "$(of preset/c4)" ""
row "all text heuristics (fineweb's whole order)" "$(of preset/fineweb)" 25
row "refinedweb" "$(of preset/refinedweb)" ""
row "language (CLD2)" "$(of language)" ""
row "MinHash signatures" "$(of minhash)" 40

row "WARC gz to records, records a second" "$(items warc_records)" 12000
floor=$(of wiki_unpacked) all=$(of wiki/packed_text)
row "bzip2 alone, MB of XML a second: the floor" "$floor" ""
row "bz2 wiki dump to text, floor and all" "$all" ""
row "bz2 wiki dump to text beyond the floor" "$(awk -v f="$floor" -v a="$all" 'BEGIN { printf "%.1f", 1 / (1 / a - 1 / f) }')" 8

# Pages to a corpus: reading, main text, language, all filters.
mkdir "$tmp/pages"
zstd -dcq "$data/web/trafilatura-eval.tar.zst" | tar x -C "$tmp/pages"
find "$tmp/pages" -type f ! -name '*.htm*' -delete
megabytes=$(find "$tmp/pages" -type f -printf '%s\n' | awk '{ n += $1 } END { print n / 1e6 }')
row "pages to a corpus (main text, language, fineweb)" "$(per "$megabytes" "$(best "$build/loam" --threads 1 collect "p=$tmp/pages" --preset fineweb --out "$tmp/out")")" 10
