#!/usr/bin/env bash
# Jobs (3,448 users with their work history as text, 7,047 jobs): people never trained on, known by their text alone; the
# newest fifth of the events; and one sentence.
source "$(dirname "$0")/start.sh"
import_items jobs --users "$DATA/jobs/users.csv"
"$semrec" evaluate "$OUT/jobs" --models random,popularity,content,hybrid --split cold-users:0.2 --query text -k 10,20 \
    --json "$OUT/jobs-text.json"
"$semrec" evaluate "$OUT/jobs" --models random,popularity,recent-popularity,item-knn,ease,content,hybrid --split temporal:0.8 -k 10,20 \
    --json "$OUT/jobs-temporal.json"
"$semrec" train "$OUT/jobs" --model hybrid --out "$OUT/jobs-bundle"
"$semrec" recommend "$OUT/jobs-bundle" --explain \
    --text "Registered nurse, ten years in intensive care, looking for a hospital position in Texas"
