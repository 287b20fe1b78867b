#!/usr/bin/env bash
# Facts beside texts: MovieLens 100K with its knowledge graph, and data sets with fields of their own.
# Each is measured with texts alone, with each source of facts, and with facts alone; then the runs are
# compared person by person (needs a Python with numpy: PYTHON, python3 by default).
#
#   knowledge.sh             test parts, as in docs/results.md
#   knowledge.sh validation  validation parts, for each share of the facts
source "$(dirname "$0")/start.sh"
models=${MODELS:-content,l3ae,feature-als}
fields="amazon-industrial ml-1m-sequences"
import_ml_100k
for name in $fields; do import_items "$name"; done

# Validation ndcg@10 of NAME under SPLIT and CANDIDATES with SOURCE at a SHARE.
validate() {
    local out="$OUT/knowledge-validation/$1-$2-$3-$4-$5" set=()
    for model in ${models//,/ }; do set+=(--set "$model.facts=$5"); done
    [ -f "$out/tune.json" ] || "$semrec" tune "$OUT/$1" --quiet --model "$models" --trials 1 --split "$2" \
        --candidates "$3" --facts "$4" "${set[@]}" --out "$out" >"$out.log"
    "${PYTHON:-python3}" - "$out/tune.json" "$@" <<'PY'
import json, sys
figures = [f"{m['model']} {m['own']:.4f}" for m in json.load(open(sys.argv[1]))["models"]]
print(*sys.argv[2:], *figures)
PY
}

# Test figures of NAME under SPLIT and CANDIDATES, one run for each source, and each against texts alone.
measure() {
    local run="$OUT/knowledge-$1-$2-$3" sources=(none fields)
    [ "$1" = ml-100k ] && sources+=(graph both)
    for source in "${sources[@]}"; do
        local all=$models
        [ "$source" = none ] && all=item-knn,ease,als,$models
        [ -f "$run-$source.csv" ] || "$semrec" evaluate "$OUT/$1" --models "$all" --split "$2" --candidates "$3" -k 10,20 \
            --facts "$source" --json "$run-$source.json" --cases "$run-$source.csv"
    done
    [ -f "$run-alone.csv" ] || "$semrec" evaluate "$OUT/$1" --encoder none --models "$models" --split "$2" --candidates "$3" \
        -k 10,20 --facts "${sources[-1]}" --json "$run-alone.json" --cases "$run-alone.csv"
    "${PYTHON:-python3}" recipes/knowledge.py "$run" "${sources[@]}" alone
}

if [ "${1:-test}" = validation ]; then
    mkdir -p "$OUT/knowledge-validation"
    for protocol in "cold-items:0.1 full" "cold-items:0.1 cold" "leave-one-out full" "ratio:0.8 full"; do
        read -r split candidates <<<"$protocol"
        for name in ml-100k $fields; do
            validate "$name" "$split" "$candidates" none 0
            for share in 0.1 0.2 0.3 0.5 1.0; do
                validate "$name" "$split" "$candidates" fields "$share"
                [ "$name" = ml-100k ] || continue
                validate "$name" "$split" "$candidates" graph "$share"
                validate "$name" "$split" "$candidates" both "$share"
            done
        done
    done
else
    for protocol in "leave-one-out full" "ratio:0.8 full" "cold-items:0.1 full" "cold-items:0.1 cold"; do
        read -r split candidates <<<"$protocol"
        measure ml-100k "$split" "$candidates"
    done
    for name in $fields; do
        measure "$name" leave-one-out full
        measure "$name" cold-items:0.1 full
        measure "$name" cold-items:0.1 cold
    done
fi
