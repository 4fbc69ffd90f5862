#!/bin/sh
# texts.sh MEGABYTES TEXT...: JSON lines of distinct documents of about 3 KB, made of the texts, their commonest words spelled
# anew in each copy, so that no rule and no deduplication takes them. On standard output; the same each time. LINES=1: a line a
# sentence, as rules about lines want them; else a document is one.
set -eu
[ $# -ge 2 ] || { echo "usage: bench/data/texts.sh MEGABYTES TEXT..." >&2; exit 2; }
megabytes=$1
shift
cat "$@" | LC_ALL=C awk -v limit="$megabytes" -v lines="${LINES:-0}" '
  function put(text) { if (lines) gsub(/[.] /, ".\001", text); gsub(/\\/, "", text); gsub(/"/, "\047", text); gsub(/[\002-\037]/, " ", text); gsub(/\001/, "\\n", text); docs[++count] = text }
  { text = text $0 " " }
  length(text) >= 3000 { put(text); text = "" }
  END {
    if (count == 0) put(text)
    limit *= 1000000
    for (copy = 0; made < limit; ++copy) {
      code = ""
      for (n = copy; n > 0; n = int(n / 20)) code = code substr("bcdfghjklmnpqrstvwxz", n % 20 + 1, 1)
      for (i = 1; i <= count && made < limit; ++i) {
        text = docs[i]
        if (copy > 0) { gsub(/ the /, " th" code " ", text); gsub(/ of /, " o" code " ", text); gsub(/ and /, " an" code " ", text); gsub(/ to /, " t" code " ", text); gsub(/ in /, " i" code " ", text) }
        print "{\"text\":\"" text "\"}"
        made += length(text) + 12
      }
    }
  }'
