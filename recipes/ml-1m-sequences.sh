#!/usr/bin/env bash
# MovieLens-1M in order (6,040 users, 3,416 items, 999,611 events), leave-one-out: SASRec by its
# defaults (HSTU's blocks) but for 18 epochs, and a smaller network. Forty minutes and twenty on two
# cores that do nothing else.
#
# usage: DATA=… recipes/ml-1m-sequences.sh [SEEDS]
source "$(dirname "$0")/start.sh"
import_items ml-1m-sequences
for seed in ${1:-42}; do
    "$semrec" --seed "$seed" evaluate "$OUT/ml-1m-sequences" --models sasrec -k 10,20 \
        --set sasrec.epochs=18 \
        --run "$OUT/sasrec-runs/ml-1m-sequences-128-$seed" --json "$OUT/ml-1m-sequences-128-$seed.json"
    "$semrec" --seed "$seed" evaluate "$OUT/ml-1m-sequences" --models sasrec -k 10,20 \
        --set sasrec.dim=64 --set sasrec.dropout=0.2 --set sasrec.epochs=30 \
        --run "$OUT/sasrec-runs/ml-1m-sequences-64-$seed" --json "$OUT/ml-1m-sequences-64-$seed.json"
done
