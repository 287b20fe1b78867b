#!/usr/bin/env bash
# The encoder tuned on what people do: two towers against the whole catalogue, all weights of MiniLM
# and low-rank changes, on Amazon Beauty (titles, leave-one-out; a tenth of the items held out of
# training) and Amazon Industrial (descriptions, a given split). Each run ends with `content` under the
# frozen and under the tuned encoder, a paired test and slices, as a table, JSON and a page. Within an
# hour a run on two cores.
#
# usage: DATA=… recipes/finetune.sh [RUNS [SEEDS]]
# RUNS are some of beauty beauty-lora beauty-cold industrial, in quotes; all if not given.
source "$(dirname "$0")/start.sh"
for seed in ${2:-42}; do
    for run in ${1:-beauty beauty-lora beauty-cold industrial}; do
        method=full
        case $run in
        beauty) set=amazon-beauty split=leave-one-out epochs=5 ;;
        beauty-lora) set=amazon-beauty split=leave-one-out epochs=5 method=lora ;;
        beauty-cold) set=amazon-beauty split=cold-items:0.1 epochs=5 ;;
        industrial) set=amazon-industrial split=given epochs=4 ;;
        *) echo "no run is called $run" >&2 && exit 2 ;;
        esac
        import_items "$set"
        tuned=$OUT/tuned-$run-$seed
        [ -d "$tuned" ] || "$semrec" --seed "$seed" finetune "$OUT/$set" --method "$method" \
            --objective contrastive --split "$split" --epochs "$epochs" --patience "$epochs" \
            --out "$tuned" --json "$OUT/finetune-$run-$seed.json" --report "$OUT/finetune-$run-$seed.html"
    done
done
