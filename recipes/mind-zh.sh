#!/usr/bin/env bash
# MIND news in Chinese (44,603 users, 15,174 items). The English MiniLM reads Chinese badly; the figures say how badly.
source "$(dirname "$0")/start.sh"
import_items mind-zh
"$semrec" evaluate "$OUT/mind-zh" --models random,popularity,item-knn,content,hybrid --split leave-one-out -k 10,20 \
    --set 'hybrid.sources=["item-knn","content"]' --json "$OUT/mind-zh.json"
