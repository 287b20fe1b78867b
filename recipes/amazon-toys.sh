#!/usr/bin/env bash
# Amazon Toys, 5-core, leave-one-out (19,412 users, 11,924 items with keywords).
source "$(dirname "$0")/start.sh"
import_items amazon-toys
"$semrec" evaluate "$OUT/amazon-toys" --models random,popularity,item-knn,ease,als,content,hybrid --split leave-one-out \
    -k 10,20 --json "$OUT/amazon-toys.json"
