#!/usr/bin/env bash
# Amazon Industrial (3,285 users, 3,686 items with long descriptions), the given temporal split; the tests on
# items with fewer than five events are under slice_comparisons.
source "$(dirname "$0")/start.sh"
import_items amazon-industrial
"$semrec" evaluate "$OUT/amazon-industrial" --models random,popularity,item-knn,ease,slim,als,content,l3ae,feature-als,hybrid --split given \
    -k 10,20 --json "$OUT/amazon-industrial.json"
# Every other model that knows ids alone, beside those that read.
"$semrec" evaluate "$OUT/amazon-industrial" --models item-knn,rp3beta,gf-cf,lightgcn,sasrec,l3ae,content --set sasrec.text=false \
    --split given -k 10,20 --json "$OUT/amazon-industrial-ids.json"
