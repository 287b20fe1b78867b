#!/usr/bin/env bash
# MovieLens 100K at one point in time, `hybrid` beside what it fuses, by three seeds, at 10 and at 20.
#
# usage: DATA=… recipes/ml-100k.sh [SEEDS]
source "$(dirname "$0")/start.sh"
import_ml_100k
for seed in ${1:-42 1 2}; do
    for depths in 10,20 20,10; do
        "$semrec" --seed "$seed" evaluate "$OUT/ml-100k" --split temporal:0.8 -k "$depths" \
            --models recent-popularity,ease,als,hybrid --json "$OUT/ml-100k-${depths%,*}-$seed.json"
    done
done
