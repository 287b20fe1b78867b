#!/usr/bin/env bash
# MovieLens-1M as UltraGCN divided it (6,022 users, 3,043 items; ids only): ease, als and their peers.
source "$(dirname "$0")/start.sh"
import_ml_1m_random
"$semrec" evaluate "$OUT/ml-1m-random" --models random,popularity,item-knn,ease,als,hybrid --split given -k 20,10 \
    --encoder none --json "$OUT/ml-1m-random.json"
