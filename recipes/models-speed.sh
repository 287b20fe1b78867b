#!/usr/bin/env bash
# Fit time, scoring time and peak memory of every recommender beside what a user would pick instead,
# on the same cores and in turns: implicit (ALS, item-knn, BPR) and numpy (EASE). Of the models that
# are trained by epochs, one epoch (sasrec-speed.sh has SASRec's peers). A table on standard output.
#
# usage: DATA=… PYTHON=python3 recipes/models-speed.sh [ROUNDS]
# PYTHON has numpy, scipy, pandas and implicit.
source "$(dirname "$0")/start.sh"
python=${PYTHON:-python3}
rounds=${1:-3}
import_items amazon-beauty
import_ml_1m_random
runs="$OUT/models-speed"
rm -rf "$runs" && mkdir -p "$runs"

# ours SET SPLIT MODEL [OPTIONS] appends {"who", "set", "model", "fit", "score", "mib"} to the lines.
ours() {
    "$semrec" --quiet evaluate "$OUT/$1" --split "$2" --models "$3" -k 20 --json "$runs/one.json" "${@:4}" >/dev/null
    "$python" - "$1" "$runs/one.json" >>"$runs/lines.jsonl" <<'PY'
import json, sys
name, path = sys.argv[1:]
result = json.load(open(path))
model, people = result["models"][0], result["protocol"]["users_evaluated"]
print(json.dumps({
    "who": "semrec", "set": name, "model": model["name"], "fit": model["fit_seconds"],
    "score": 1000 * model["evaluate_seconds"] / people, "mib": model["peak_memory_mib"]}))
PY
}

for model in rp3beta slim gf-cf; do
    ours ml-1m-random given $model
    ours amazon-beauty leave-one-out $model
done
for model in content l3ae feature-als; do
    ours amazon-beauty leave-one-out $model
done
ours ml-1m-random given lightgcn --set lightgcn.epochs=1
for model in lightgcn alpharec sasrec; do
    ours amazon-beauty leave-one-out $model --set $model.epochs=1
done
for _ in $(seq "$rounds"); do
    for name in ml-1m-random amazon-beauty; do
        for model in ease als item-knn bpr; do
            [ $model = bpr ] || ours $name "$([ $name = ml-1m-random ] && echo given || echo leave-one-out)" $model
            "$python" -W ignore recipes/models-peers.py peer "$DATA" $name $model >>"$runs/lines.jsonl"
        done
    done
done
"$python" recipes/models-peers.py table "$runs/lines.jsonl"
