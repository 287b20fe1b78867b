#!/usr/bin/env bash
# SASRec on Amazon Beauty and Toys, leave-one-out: by ids and texts (the defaults), by ids alone, by
# texts alone, and with other blocks, three seeds each. Curves and TensorBoard files go to
# recipes/out/sasrec-runs. Four minutes a run on two cores.
#
# usage: DATA=… recipes/sasrec.sh [SETS [SEEDS]]
source "$(dirname "$0")/start.sh"
for name in ${1:-amazon-beauty amazon-toys}; do
    import_items "$name"
    for seed in ${2:-42 1 2}; do
        for kind in both ids text hstu transformer; do
            case $kind in
            both) set=() ;;
            ids) set=(--set sasrec.text=false) ;;
            text) set=(--set sasrec.ids=false) ;;
            *) set=(--set "sasrec.block=$kind") ;;
            esac
            "$semrec" --seed "$seed" evaluate "$OUT/$name" --models sasrec "${set[@]}" --split leave-one-out -k 10,20 \
                --run "$OUT/sasrec-runs/$name-$kind-$seed" --json "$OUT/$name-sasrec-$kind-$seed.json"
        done
    done
done
