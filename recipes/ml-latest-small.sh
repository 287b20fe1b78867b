#!/usr/bin/env bash
# MovieLens latest-small, which lies in the repository, at one point in time, and everybody's last rating.
DATA=${DATA:-data} source "$(dirname "$0")/start.sh"
import_ml_latest_small
"$semrec" evaluate "$OUT/ml-latest-small" --split temporal:0.8 -k 10,20 --json "$OUT/ml-latest-small.json" \
    --models random,popularity,recent-popularity,item-knn,ease,als,content,hybrid --report "$OUT/ml-latest-small.html"
for seed in 42 1 2; do
    "$semrec" evaluate "$OUT/ml-latest-small" --split temporal:0.8 -k 20,10 --seed "$seed" \
        --models recent-popularity,ease,hybrid --json "$OUT/ml-latest-small-20-$seed.json"
done
"$semrec" evaluate "$OUT/ml-latest-small" --split leave-one-out -k 10,20 --json "$OUT/ml-latest-small-last.json" \
    --models recent-popularity,item-knn,ease,content,hybrid
