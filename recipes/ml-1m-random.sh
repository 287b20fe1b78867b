#!/usr/bin/env bash
# MovieLens-1M as UltraGCN divided it (6,022 users, 3,043 items; ids only): ease, als and their peers.
source "$(dirname "$0")/start.sh"
[ -d "$OUT/ml-1m-random" ] || "$semrec" import --name ml-1m-random --interactions "$DATA/ml-1m-random/train.txt" \
    --test-interactions "$DATA/ml-1m-random/test.txt" --format adjacency --out "$OUT/ml-1m-random"
"$semrec" evaluate "$OUT/ml-1m-random" --models random,popularity,item-knn,ease,als,hybrid --split given -k 20,10 \
    --encoder none --json "$OUT/ml-1m-random.json"
