#!/bin/bash
# Is recipe B better than recipe A? Both are trained with several seeds, in turn, and their held-out bits per byte compared.
#
#   bench/ab/ab.sh LOAM TOKENS HELD.txt SEEDS "flags of A" "flags of B"
#   bench/ab/ab.sh build/release/loam run/tokens held.txt 4 "--minutes 1" "--minutes 1 --optimizer muon"
#
# Equal wall clock is what counts: give both the same --minutes, on a machine that does nothing else. Prints each run, then
# mean, standard deviation, the difference and Welch's two-sided p.
set -euo pipefail
loam=$1 tokens=$2 held=$3 seeds=$4 a=$5 b=$6
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for seed in $(seq 1 "$seeds"); do
  for which in a b; do
    flags=$([ $which = a ] && echo "$a" || echo "$b")
    began=$(date +%s.%N)
    # shellcheck disable=SC2086  # the flags are several words
    "$loam" --quiet --seed "$seed" pretrain --tokens "$tokens" --eval-every 0 --sample-every 0 --out "$work/m" --force $flags > "$work/said" 2>&1 || { cat "$work/said"; exit 1; }
    took=$(echo "$(date +%s.%N) $began" | awk '{printf "%.1f", $1 - $2}')
    bits=$("$loam" score "$work/m" "$held" | grep -o '"bits_per_byte":[0-9.]*' | cut -d: -f2)
    echo "$which seed $seed: $bits bits per byte, $took s ($flags)"
    echo "$which $bits" >> "$work/all"
  done
done
awk '
  { n[$1]++; s[$1] += $2; q[$1] += $2 * $2 }
  # P(|T| > t) of Student with v degrees of freedom, by Simpson over the density.
  function density(x, v) { return exp(lgamma((v + 1) / 2) - lgamma(v / 2)) / sqrt(v * 3.14159265358979) * (1 + x * x / v) ^ (-(v + 1) / 2) }
  function lgamma(x,   c) {  # Stirling with three corrections, shifted up
    c = 0; while (x < 8) { c -= log(x); x++ }
    return c + (x - .5) * log(x) - x + .9189385332046727 + 1 / (12 * x) - 1 / (360 * x ^ 3) + 1 / (1260 * x ^ 5)
  }
  function p_value(t, v,   i, h, sum) { h = t / 2000; sum = density(0, v) + density(t, v); for (i = 1; i < 2000; i++) sum += (i % 2 ? 4 : 2) * density(i * h, v); p = 1 - 2 * sum * h / 3; return p < 0 ? 0 : p }
  END {
    for (k in n) { m[k] = s[k] / n[k]; v[k] = n[k] > 1 ? (q[k] - n[k] * m[k] ^ 2) / (n[k] - 1) : 0; if (v[k] < 0) v[k] = 0
      printf "%s: mean %.4f, sigma %.4f, %d runs\n", k, m[k], sqrt(v[k]), n[k] }
    printf "b - a: %+.4f (%+.2f %%)", m["b"] - m["a"], 100 * (m["b"] / m["a"] - 1)
    va = v["a"] / n["a"]; vb = v["b"] / n["b"]
    if (n["a"] > 1 && va + vb > 0) {
      t = (m["b"] - m["a"]) / sqrt(va + vb); if (t < 0) t = -t
      df = (va + vb) ^ 2 / (va ^ 2 / (n["a"] - 1) + vb ^ 2 / (n["b"] - 1))
      printf ", p %.4f (Welch, t %.2f, %.1f degrees of freedom)", p_value(t, df), t, df
    }
    print ""
  }' "$work/all"
