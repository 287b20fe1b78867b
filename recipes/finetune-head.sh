#!/usr/bin/env bash
# A wide head tuned on what people do: 8,192 rectified units between two linear layers behind MiniLM,
# which stays as it is, learn the vectors that went ahead. Amazon Beauty and Toys (leave-one-out),
# Amazon Industrial (a given split), and a tenth of Beauty's items held out of training. Each run ends
# with `content` under the frozen and under the tuned encoder, a paired test and slices, as a table,
# JSON and a page. One to ten minutes a run on two cores.
#
# usage: DATA=… recipes/finetune-head.sh [RUNS [SEEDS]]
# RUNS are some of beauty beauty-validation beauty-cold toys industrial, in quotes; all if not given.
# Sixteen epochs were chosen by `beauty-validation`, which tunes on the training part alone and keeps the
# epoch that validates best, as `beauty-cold` does; the others learn from both parts, as every model of
# the results does, and keep the last. `beauty-validation` puts its vectors into `hybrid` besides, whose
# weights are fitted to the validation part, and into `sasrec` without ids; `industrial` into the latter.
source "$(dirname "$0")/start.sh"

# A model under the frozen and under the tuned encoder, with a paired test.
both() {
    for encoder in minilm "$tuned"; do
        "$semrec" --seed "$seed" evaluate "$OUT/$set" --models "$1" --encoder "$encoder" --split "$split" \
            "${@:2}" --cases "$OUT/head-$run-$(basename "$encoder").csv"
    done
    python3 recipes/paired.py "$OUT/head-$run-minilm.csv" "$OUT/head-$run-$(basename "$tuned").csv"
}

for seed in ${2:-42}; do
    for run in ${1:-beauty beauty-validation beauty-cold toys industrial}; do
        set=amazon-beauty split=leave-one-out epochs=16 how=(--final)
        case $run in
        beauty) ;;
        beauty-validation) how=(--patience 16) ;;
        beauty-cold) split=cold-items:0.1 epochs=3 how=(--ahead 1 --patience 3) ;;
        toys) set=amazon-toys ;;
        industrial) set=amazon-industrial split=given ;;
        *) echo "no run is called $run" >&2 && exit 2 ;;
        esac
        import_items "$set"
        tuned=$OUT/head-$run-$seed
        [ -d "$tuned" ] || "$semrec" --seed "$seed" finetune "$OUT/$set" --method head --objective contrastive \
            --split "$split" --epochs "$epochs" --warmup 0.02 "${how[@]}" --out "$tuned" \
            --json "$OUT/finetune-head-$run-$seed.json" --report "$OUT/finetune-head-$run-$seed.html"
        case $run in
        beauty-validation) both hybrid && both sasrec --set sasrec.ids=false ;;
        # Ranked among all items above, here among those that nobody clicked.
        beauty-cold) both content --candidates cold ;;
        industrial) both sasrec --set sasrec.ids=false ;;
        esac
    done
done
