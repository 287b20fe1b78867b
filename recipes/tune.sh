#!/usr/bin/env bash
# Amazon Beauty: what tuning finds on validation events in 30 trials a model, and what it is worth
# on test events.
source "$(dirname "$0")/start.sh"
import_items amazon-beauty
models=ease,item-knn,als,content
"$semrec" tune "$OUT/amazon-beauty" --model "$models" --trials 30 --split leave-one-out --metric ndcg@10 \
    --out "$OUT/tune-amazon-beauty"
"$semrec" evaluate "$OUT/amazon-beauty" --models "$models" --split leave-one-out --json "$OUT/tune-before.json"
"$semrec" evaluate "$OUT/amazon-beauty" --models "$models" --split leave-one-out \
    --params "$OUT/tune-amazon-beauty/best.toml" --json "$OUT/tune-after.json"
