#!/usr/bin/env bash
# Seconds of one epoch of SASRec by ids on Amazon Beauty, ours (transformer blocks, as the peers have,
# and HSTU's; its validation included) and a plain PyTorch implementation of the same size, in turns;
# RecBole's once. One JSON line each.
#
# usage: DATA=… PYTHON=python3 recipes/sasrec-speed.sh [ROUNDS]
# PYTHON has torch, pandas and recbole.
source "$(dirname "$0")/start.sh"
python=${PYTHON:-python3}
import_items amazon-beauty
ours() {
    "$semrec" --quiet evaluate "$OUT/amazon-beauty" --models sasrec -k 20 --set sasrec.epochs=1 \
        --set sasrec.text=false --set "sasrec.block=$1" --json "$OUT/sasrec-speed.json" >/dev/null
    "$python" -c 'import json, sys
model = json.load(open(sys.argv[1]))["models"][0]
print(json.dumps({"which": sys.argv[2], "seconds": model["fit_seconds"], "mib": model["peak_memory_mib"]}))' \
        "$OUT/sasrec-speed.json" "$1"
}
for _ in $(seq "${1:-3}"); do
    ours transformer
    "$python" -W ignore recipes/sasrec-peers.py "$DATA/amazon-beauty/interactions.csv" torch
    ours hstu
done
"$python" -W ignore recipes/sasrec-peers.py "$DATA/amazon-beauty/interactions.csv" recbole
