#!/usr/bin/env bash
# Texts per second of training passes (forward, backward, a step of AdamW) of all-MiniLM-L6-v2, ours
# and PyTorch's in turns: 512 titles of Amazon Beauty and 128 descriptions of Amazon Industrial; of the top
# layer and the top two, below which states are computed once, ours alone.
#
# usage: DATA=… PYTHON=python3 recipes/finetune-speed.sh [THREADS [TURNS]]
# PYTHON has torch, transformers and peft. One JSON line a run.
source "$(dirname "$0")/start.sh"
python=${PYTHON:-python3}
model=$("$semrec" model info minilm | awk '$1 == "directory" { print $2 }')
cargo build --quiet --release --locked -p semrec-finetune --example step_speed
"$python" -c '
import csv, json, sys
data, out = sys.argv[1:]
for name, folder, fields, n in [
    ("short", "amazon-beauty", ["title"], 512),
    ("long", "amazon-industrial", ["title", "description"], 128),
]:
    with open(f"{data}/{folder}/items.csv") as file:
        texts = [" ".join(row[f] for f in fields) for row in csv.DictReader(file)]
    json.dump(texts[:n], open(f"{out}/finetune-{name}.json", "w"))
' "$DATA" "$OUT"
for length in short long; do
    for _ in $(seq "${2:-3}"); do
        for method in full lora; do
            target/release/examples/step_speed "$model" "$OUT/finetune-$length.json" "${1:-2}" 3 "$method"
            "$python" -W ignore recipes/finetune-peers.py "$model" "$OUT/finetune-$length.json" "${1:-2}" 3 "$method"
        done
        for method in top-1 top-2; do
            target/release/examples/step_speed "$model" "$OUT/finetune-$length.json" "${1:-2}" 3 "$method"
        done
    done
done
