#!/usr/bin/env bash
# A head that was trained on one shop and used in another: AlphaRec fitted on Amazon Beauty, then put
# to Amazon Toys as it is (no training there: of Toys it has who touched what, and the texts), beside
# one trained on Toys, reading alone, and popularity; and both graph models on Beauty, with never
# clicked items.
#
# usage: DATA=… recipes/alpharec.sh [SEEDS]
source "$(dirname "$0")/start.sh"
import_items amazon-beauty
import_items amazon-toys
for seed in ${1:-42}; do
    "$semrec" --seed "$seed" train "$OUT/amazon-beauty" --model alpharec --out "$OUT/alpharec-beauty-$seed" \
        --run "$OUT/alpharec-runs"
    "$semrec" --seed "$seed" evaluate "$OUT/amazon-toys" --models alpharec,content,popularity --split leave-one-out -k 10,20 \
        --set "alpharec.from=$OUT/alpharec-beauty-$seed" --set alpharec.epochs=0 --json "$OUT/toys-alpharec-from-beauty-$seed.json"
    for name in amazon-toys amazon-beauty; do
        "$semrec" --seed "$seed" evaluate "$OUT/$name" --models alpharec,lightgcn --split leave-one-out -k 10,20 \
            --run "$OUT/alpharec-runs" --json "$OUT/$name-alpharec-$seed.json"
    done
    "$semrec" --seed "$seed" evaluate "$OUT/amazon-beauty" --models alpharec,content --split cold-items:0.1 --candidates cold \
        -k 10,20 --json "$OUT/beauty-alpharec-cold-$seed.json"
done
