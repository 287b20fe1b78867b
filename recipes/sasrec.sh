#!/usr/bin/env bash
# SASRec on Amazon Beauty and Toys, leave-one-out: by ids and texts (the defaults), by ids alone, by
# texts alone, with other blocks, and with semantic ids, three seeds each; and never-clicked items with
# and without semantic ids. Curves and TensorBoard files go to
# recipes/out/sasrec-runs. Four minutes a run on two cores.
#
# usage: DATA=… recipes/sasrec.sh [SETS [SEEDS [KINDS]]]
source "$(dirname "$0")/start.sh"
kinds=${3:-both ids text hstu transformer both-tokens both-prefixes text-tokens text-prefixes
    cold-both cold-both-prefixes cold-text cold-text-prefixes}
for name in ${1:-amazon-beauty amazon-toys}; do
    import_items "$name"
    for seed in ${2:-42 1 2}; do
        for kind in $kinds; do
            set=() split=(--split leave-one-out)
            case $kind in
            ids) set+=(--set sasrec.text=false) ;;
            text* | cold-text*) set+=(--set sasrec.ids=false) ;;
            hstu | transformer) set+=(--set "sasrec.block=$kind") ;;
            esac
            case $kind in
            *-tokens | *-prefixes) set+=(--set "sasrec.semantic=${kind##*-}") ;;
            esac
            case $kind in
            cold-*) split=(--split cold-items:0.1 --candidates cold) ;;
            esac
            "$semrec" --seed "$seed" evaluate "$OUT/$name" --models sasrec "${set[@]}" "${split[@]}" -k 10,20 \
                --run "$OUT/sasrec-runs/$name-$kind-$seed" --json "$OUT/$name-sasrec-$kind-$seed.json"
        done
    done
done
