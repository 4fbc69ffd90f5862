#!/usr/bin/env bash
# Chat templates as `loam render` writes them, beside npm's @huggingface/jinja and Python's Jinja.
#
#   bench/interop/templates.sh TEMPLATES [LOAM] [PEERS]
#
# TEMPLATES: a folder of *.jinja and *.json (tokenizer_config.json), which people bring: published templates are their makers'.
# LOAM: build/release/loam. PEERS: a folder with node_modules (default: data/peers, which `scripts/setup --peers` fills);
# python3-jinja2 (Debian) decides where the two differ. Exit 1 if a text differs.
set -euo pipefail
here=$(realpath "$(dirname "$0")"); root=$(realpath "$here/../..")
templates=$(realpath "${1:?a folder of templates}"); loam=$(realpath "${2:-$root/build/release/loam}"); peers=${3:-$root/data/peers}
if [ ! -d "$peers/node_modules/@huggingface/jinja" ]; then
  echo "SKIPPED: no @huggingface/jinja at \"$peers\" (scripts/setup --peers)"; exit 0
fi
exec node "$here/templates.mjs" "$(realpath "$peers")" "$loam" "$templates"
