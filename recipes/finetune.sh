#!/usr/bin/env bash
# The encoder tuned on what people do: two towers against the whole catalogue; a wide head behind MiniLM,
# all its weights, and low-rank changes, on Amazon Beauty (leave-one-out; a tenth of the items held out of
# training), Amazon Industrial (descriptions, a given split), Toys, and MovieLens latest-small (titles and
# genres). Each run ends with `content` under the frozen and under the tuned encoder, a paired test and
# slices, as a table, JSON and a page. The runs of a head take one to ten minutes on two cores, the others up
# to an hour.
#
# usage: DATA=… recipes/finetune.sh [RUNS [SEEDS]]
# RUNS are some of head head-validation head-cold head-toys head-latest-small head-industrial
# head-industrial-plain head-industrial-validation beauty beauty-validation beauty-lora beauty-loss
# beauty-loss-lora beauty-words beauty-tsdae beauty-cold beauty-cold-elsa industrial toys, in quotes; all if
# not given. Those with `validation` or `cold` in their name, `beauty-loss` (whose vectors do not go ahead),
# and `beauty-words` and `beauty-tsdae` (titles alone, without labels) are told by the validation part when to
# end, and learn nothing else of it; the others learn from both parts, as every model of the results does.
# `head-validation` chose the sixteen epochs, `head-industrial-validation` the prior of `head-industrial`,
# which `head-industrial-plain` does without. `toys` begins with what `beauty` made; `beauty-loss-lora` is
# compared with what `beauty-loss` made.
source "$(dirname "$0")/start.sh"

# A model under the frozen and under the tuned encoder, with a paired test.
both() {
    for encoder in minilm "$tuned"; do
        "$semrec" --seed "$seed" evaluate "$OUT/$set" --models "$1" --encoder "$encoder" \
            --split "$split" "${@:2}" --cases "$OUT/$run-$(basename "$encoder").csv"
    done
    python3 recipes/paired.py "$OUT/$run-minilm.csv" "$OUT/$run-$(basename "$tuned").csv"
}

for seed in ${2:-42}; do
    for run in ${1:-head head-validation head-cold head-toys head-latest-small head-industrial \
        head-industrial-plain head-industrial-validation beauty beauty-validation beauty-lora \
        beauty-loss beauty-loss-lora beauty-words beauty-tsdae beauty-cold beauty-cold-elsa industrial toys}; do
        method=full objective=contrastive split=leave-one-out set=amazon-beauty
        how=(--final --epochs 4 --warmup 0.02)
        # A head's epochs are minutes: of the items that are held out it forgets least in few.
        case $run in head*) method=head how=(--final --epochs 16 --warmup 0.02) ;; esac
        case $run in
        head | beauty) ;;
        head-validation) how=(--epochs 16 --patience 16 --warmup 0.02) ;;
        head-industrial) set=amazon-industrial split=given how+=(--prior 0.15) ;;
        head-industrial-plain) set=amazon-industrial split=given ;;
        head-industrial-validation)
            set=amazon-industrial split=given how=(--epochs 16 --patience 16 --warmup 0.02 --prior auto)
            ;;
        head-cold) split=cold-items:0.1 how=(--ahead 1 --epochs 3 --patience 3 --warmup 0.02) ;;
        head-toys) set=amazon-toys ;;
        head-latest-small) set=ml-latest-small ;;
        beauty-validation) how=(--epochs 4 --patience 4 --warmup 0.02) ;;
        beauty-lora) method=lora how+=(--targets query,key,value,output,up,down) ;;
        beauty-loss) how=(--ahead 0 --epochs 5 --patience 5) ;;
        beauty-loss-lora)
            method=lora how=(--ahead 0 --epochs 12 --patience 12 --rank 20)
            how+=(--targets query,key,value,output,up,down)
            how+=(--beside "$OUT/tuned-beauty-loss-$seed")
            ;;
        beauty-words) objective=tsdae how=(--decoder words --epochs 2 --patience 2) ;;
        beauty-tsdae) objective=tsdae how=(--epochs 2 --patience 2) ;;
        beauty-cold) split=cold-items:0.1 how=(--epochs 5 --patience 5 --learning-rate 2e-5) ;;
        beauty-cold-elsa) split=cold-items:0.1 objective=elsa method=head how=(--epochs 3 --patience 3) ;;
        industrial) set=amazon-industrial split=given how=(--final --epochs 2 --warmup 0.02) ;;
        toys) set=amazon-toys how=(--encoder "$OUT/tuned-beauty-$seed" --beside minilm --final --epochs 1) ;;
        *) echo "no run is called $run" >&2 && exit 2 ;;
        esac
        if [ "$set" = ml-latest-small ]; then import_ml_latest_small; else import_items "$set"; fi
        tuned=$OUT/tuned-$run-$seed
        [ -d "$tuned" ] || "$semrec" --seed "$seed" finetune "$OUT/$set" --method "$method" \
            --objective "$objective" --split "$split" "${how[@]}" --out "$tuned" \
            --json "$OUT/finetune-$run-$seed.json" --report "$OUT/finetune-$run-$seed.html"
        case $run in
        # The tuned vectors inside the fusion, whose weights are fitted to the validation part.
        *-validation) both hybrid && both sasrec --set sasrec.ids=false ;;
        head-industrial-plain) both sasrec --set sasrec.ids=false ;;
        # A learned user tower over the texts alone, and with semantic ids.
        industrial)
            for semantic in none tokens prefixes; do
                both sasrec --set sasrec.ids=false --set "sasrec.semantic=$semantic"
            done
            ;;
        # Ranked among all items above, here among those that nobody clicked.
        *-cold*) both content --candidates cold ;;
        esac
    done
done
