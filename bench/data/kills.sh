#!/usr/bin/env bash
# kills.sh LOAM KILLS BOOK...: a corpus with near-duplicates, lines and passages taken out at once, killed (SIGKILL) at random moments until it is done,
# over and over on one to three threads until so many kills are reached: each time the bytes are those of the run that was left in peace.
# MEGABYTES (8) of documents; a run in peace takes about 6 s.
set -euo pipefail
[ $# -ge 3 ] || { echo "usage: bench/data/kills.sh LOAM KILLS BOOK..." >&2; exit 2; }
loam=$(realpath "$1") wanted=$2 here=$(dirname "$(realpath "$0")")
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$here/texts.sh" "${MEGABYTES:-8}" "$@" > "$work/a.jsonl"
# What comes again: documents as they are, with a few words changed, and passages of others in front.
awk 'NR % 5 == 0 { print } NR % 7 == 0 { gsub(/ he /, " it "); print } NR % 11 == 0 { gsub(/^\{"text":"/, "{\"text\":\"" substr(last, 10, 900) " "); print } { last = $0 }' "$work/a.jsonl" > "$work/b.jsonl"
collect() { exec "$loam" --quiet --threads "$1" collect "a=$work/a.jsonl" "b=$work/b.jsonl" --dedup near --repeated lines+substrings --save-minutes 0.01 --out "$2"; }
sum() { (cd "$1" && sha256sum documents-* dropped-* files.tsv | sha256sum | cut -c1-16); }

(collect 2 "$work/peace") > /dev/null
took=$SECONDS began=$SECONDS kills=0 runs=0
peace=$(sum "$work/peace")
while [ "$kills" -lt "$wanted" ]; do
  rm -rf "$work/killed"
  until [ -e "$work/killed/manifest.json" ]; do
    collect "$((1 + RANDOM % 3))" "$work/killed" > /dev/null 2> "$work/said" &
    run=$!
    # Somewhere in half the time of the run in peace: reading, sorting or writing.
    sleep "$(awk -v t="$took" -v r="$RANDOM" 'BEGIN { printf "%.2f", 0.1 + t / 2 * r / 32768 }')"
    if kill -KILL "$run" 2> /dev/null; then kills=$((kills + 1)); fi
    wait "$run" 2> /dev/null || [ $? -ge 128 ] || { cat "$work/said" >&2; exit 1; }
  done
  runs=$((runs + 1))
  [ "$(sum "$work/killed")" = "$peace" ] || { echo "NOT the same bytes after $kills kills"; exit 1; }
done
echo "$kills SIGKILL in $runs runs, $((SECONDS - began)) s: the same bytes each time; left out were $(zstd -dcq "$work/peace"/dropped-* | grep -o '"reason":"[a-z_]*"' | sort | uniq -c | tr -s '\n ' ' ')"
