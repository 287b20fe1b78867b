#!/usr/bin/env bash
# The models that draw random numbers, by three seeds: mean and standard deviation of each metric on
# the test parts. Of `cold-items` the seed draws the items that are held out, too. Half an hour on two
# cores; `sasrec` has recipes of its own.
#
# usage: DATA=… recipes/seeds.sh [SEEDS]
source "$(dirname "$0")/start.sh"
seeds=${1:-42 1 2}
for name in amazon-beauty amazon-toys amazon-industrial; do import_items "$name"; done
import_ml_1m_random
import_ml_latest_small

# measure NAME SPLIT CANDIDATES MODELS [OPTION …]: one evaluation a seed, then a line for each metric.
measure() {
    local files=()
    for seed in $seeds; do
        local file="$OUT/seeds-$1-$2-$3-$seed.json"
        "$semrec" --seed "$seed" evaluate "$OUT/$1" --split "$2" --candidates "$3" --models "$4" -k 10,20 \
            --json "$file" "${@:5}"
        files+=("$file")
    done
    python3 - "${@:1:4}" "${files[@]}" <<'PY'
import json, statistics, sys
name, split, candidates, models, *files = sys.argv[1:]
runs = [{m["name"]: m["metrics"] for m in json.load(open(f))["models"]} for f in files]
for model in models.split(","):
    for metric in ["recall@10", "ndcg@10", "recall@20", "ndcg@20"]:
        values = [run[model][metric] for run in runs]
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        print(f"{name} {split} {candidates} {model} {metric} {statistics.mean(values):.4f} ± {spread:.4f}", values)
for file in files:
    for c in json.load(open(file))["comparisons"]:
        print(f"{file}: {c['a']} over {c['b']} {c['metric']} {c['difference']:+.4f}, p = {c['p_holm']:.4f}")
PY
}

measure ml-1m-random given full als,hybrid,lightgcn --encoder none
for name in amazon-beauty amazon-toys; do
    measure "$name" leave-one-out full als,hybrid,lightgcn,alpharec
done
measure amazon-industrial leave-one-out full lightgcn,alpharec
measure amazon-industrial given full popularity,ease,slim,content,l3ae,als,feature-als,hybrid
measure ml-latest-small temporal:0.8 full recent-popularity,ease,als,hybrid
for candidates in full cold; do
    measure amazon-beauty cold-items:0.1 "$candidates" content,l3ae,feature-als
done
