#!/usr/bin/env bash
# MovieLens-1M in order (6,040 users, 3,416 items, 999,611 events), leave-one-out: SASRec by its
# defaults (HSTU's blocks, width 128) but for 18 epochs, and a smaller network. Forty minutes and twenty
# on two cores that do nothing else.
#
# usage: DATA=… recipes/ml-1m-sequences.sh [SEEDS [WIDTHS]]
source "$(dirname "$0")/start.sh"
import_items ml-1m-sequences
for seed in ${1:-42}; do
    for width in ${2:-128 64}; do
        set=(--set sasrec.epochs=18)
        [ "$width" = 128 ] || set=(--set "sasrec.dim=$width" --set sasrec.dropout=0.2 --set sasrec.epochs=30)
        "$semrec" --seed "$seed" evaluate "$OUT/ml-1m-sequences" --models sasrec "${set[@]}" -k 10,20 \
            --run "$OUT/sasrec-runs/ml-1m-sequences-$width-$seed" --json "$OUT/ml-1m-sequences-$width-$seed.json"
    done
done
