#!/bin/bash
# A small training run, killed, stopped and starved of disk every few seconds until it is done, beside one left in peace:
# the weights must be the same bytes. A third one gets NaN, infinities, flipped exponent bits and 10,000-fold gradients:
# its loss must be that of the first within noise, which runs in peace with other seeds show. Prints the counts.
#
#   bench/faults/faults.sh LOAM TOKENS STEPS [WORK]
#   SEEDS="2 3 4" bench/faults/faults.sh ...     # the other seeds; "" leaves them out
#
# The disk is starved on a tmpfs of its own, where it can be mounted (root); else those faults are left out, and it says so.
set -euo pipefail
loam=$1 tokens=$2 steps=$3 work=${4:-$(mktemp -d)}
mkdir -p "$work/disk"
mounted=no
if mount -t tmpfs -o size=120m tmpfs "$work/disk" 2>/dev/null; then mounted=yes; else echo "no tmpfs can be mounted here: the disk is not starved"; fi
cat > "$work/arch.json" <<'JSON'
{"model_type":"gpt2","vocab_size":257,"n_layer":2,"n_head":4,"n_embd":64,"n_positions":64,"n_ctx":64,"activation_function":"gelu_new","layer_norm_epsilon":1e-5,"tie_word_embeddings":true,"bos_token_id":256,"eos_token_id":256}
JSON
train=("$loam" --quiet --threads 1 pretrain --tokens "$tokens" --arch "$work/arch.json" --batch 8 --context 64 --steps "$steps" --eval-every $((steps / 10)) --log-every 10 --save-minutes 0.03)
clean() {
  [ "$mounted" = yes ] && umount "$work/disk" || true
}
trap clean EXIT

"${train[@]}" --out "$work/peace" > /dev/null 2>&1
for seed in ${SEEDS-2 3 4}; do "${train[@]}" --seed "$seed" --out "$work/seed-$seed" > /dev/null 2>&1; done
end=$((steps - steps / 5))
list=$(for kind in nan inf flip huge; do for i in 1 2 3 4 5 6; do echo "$kind@$((RANDOM * 32768 % end + RANDOM % end))"; done; done | awk -F@ -v end="$end" '{print $1 "@" $2 % end}' | paste -sd,)
LOAM_FAULTS=$list "${train[@]}" --out "$work/numbers" > /dev/null 2>&1

kills=0 stops=0 starved=0 ended=0 began=$SECONDS
until [ -f "$work/disk/run/manifest.json" ]; do
  "${train[@]}" --out "$work/disk/run" > /dev/null 2> "$work/said" &
  run=$!
  sleep "$((1 + RANDOM % 4)).$((RANDOM % 10))"
  what=$((RANDOM % 3))
  if ! kill -0 "$run" 2> /dev/null; then
    ended=$((ended + 1))
  elif [ "$what" = 0 ]; then
    kill -KILL "$run" && kills=$((kills + 1))
  elif [ "$what" = 1 ]; then
    kill -TERM "$run" && stops=$((stops + 1))
  elif [ "$mounted" = yes ]; then
    head -c 200m /dev/zero > "$work/disk/ballast" 2> /dev/null || true
    starved=$((starved + 1))
    sleep "$((2 + RANDOM % 4))"
    rm -f "$work/disk/ballast"
    kill -KILL "$run" 2> /dev/null || true
  fi
  wait "$run" 2> /dev/null || true
done
sum() { sha256sum < "$1/model.safetensors" | cut -c1-64; }
loss() { grep -o '"val_loss":[0-9.]*' "$1/metrics.jsonl" | tail -1 | cut -d: -f2; }
a=$(sum "$work/peace") b=$(sum "$work/disk/run")
echo "$kills SIGKILL, $stops SIGTERM, $starved times a full disk, in $((SECONDS - began)) s; $steps steps"
echo "weights in peace   $a"
echo "weights disturbed  $b"
echo "held-out loss: in peace $(loss "$work/peace"), with 24 faults in the gradients $(loss "$work/numbers"); $(wc -l < "$work/numbers/incidents.jsonl") steps left out"
[ -z "${SEEDS-2 3 4}" ] || { for run in peace $(printf 'seed-%s ' ${SEEDS-2 3 4}); do loss "$work/$run"; done | awk '{ s += $1; q += $1 * $1; all = all " " $1 } END { printf "in peace with other seeds:%s; standard deviation %.4f\n", all, sqrt((q - s * s / NR) / (NR - 1)) }'; }
if [ "$a" = "$b" ]; then echo "the same bytes"; else echo "NOT the same bytes"; exit 1; fi
