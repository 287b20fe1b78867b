#!/usr/bin/env bash
# Amazon Beauty, 5-core, leave-one-out (22,363 users, 12,101 items with titles).
source "$(dirname "$0")/start.sh"
import_items amazon-beauty
"$semrec" evaluate "$OUT/amazon-beauty" --models random,popularity,item-knn,ease,als,content,hybrid --split leave-one-out \
    -k 10,20 --json "$OUT/amazon-beauty.json" --report "$OUT/amazon-beauty.html"
