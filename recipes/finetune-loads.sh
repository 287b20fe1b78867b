#!/usr/bin/env bash
# Low-rank changes of MiniLM trained for one epoch on MovieLens latest-small as a classifier: the tuned encoder in
# sentence-transformers, and the changes alone in peft, give the vectors that `semrec embed` gives, to
# 1e-5; so does a wide head of one epoch in sentence-transformers. Three minutes.
#
# usage: DATA=… PYTHON=python3 recipes/finetune-loads.sh
# PYTHON has torch, transformers, sentence-transformers and peft.
source "$(dirname "$0")/start.sh"
python=${PYTHON:-python3}
data=data/ml-latest-small
import_ml_latest_small
tuned=$OUT/tuned-loads
# A classifier: its first epoch counts whatever the validation says of it.
[ -d "$tuned" ] || "$semrec" finetune "$OUT/ml-latest-small" --method lora --objective bce --epochs 1 \
    --per-person 1 --negatives 1 --history 3 --max-length 48 --no-evaluate --out "$tuned"
[ -d "$tuned-head" ] || "$semrec" finetune "$OUT/ml-latest-small" --method head --objective contrastive \
    --epochs 1 --final --no-evaluate --out "$tuned-head"
head -n 501 "$data/movies.csv" >"$OUT/finetune-loads.csv"
# The vectors of an encoder beside those that sentence-transformers, and with BASE peft, make of it.
compare() {
    rm -f "$OUT/finetune-loads.npy"
    "$semrec" embed "$OUT/finetune-loads.csv" --text title --encoder "$1" --out "$OUT/finetune-loads.npy"
    "$python" -W ignore recipes/finetune-loads.py "$OUT/finetune-loads.csv" "$1" "$OUT/finetune-loads.npy" "${@:2}"
}
compare "$tuned" "$("$semrec" model info minilm | awk '$1 == "directory" { print $2 }')"
compare "$tuned-head"
