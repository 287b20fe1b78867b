#!/usr/bin/env bash
# A tenth of the items has no training event; ranked among the whole catalogue, and among themselves.
source "$(dirname "$0")/start.sh"
for name in amazon-beauty amazon-industrial; do
    import_items "$name"
    for candidates in full cold; do
        "$semrec" evaluate "$OUT/$name" --models random,popularity,item-knn,ease,als,content,l3ae,feature-als,hybrid --split cold-items:0.1 \
            --candidates "$candidates" -k 10,20 --json "$OUT/$name-cold-$candidates.json"
    done
done
