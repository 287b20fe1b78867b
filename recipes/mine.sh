#!/usr/bin/env bash
# Three catalogues mined; with PEERS, a Python that has BERTopic, its topics on the same vectors; with SCALE, the cost of 12,000
# to 100,000 texts.
source "$(dirname "$0")/start.sh"
import_items amazon-beauty
import_items jobs --users "$DATA/jobs/users.csv"
import_items mind-zh
"$semrec" model info multilingual >/dev/null 2>&1 || "$semrec" model pull multilingual
for name in amazon-beauty jobs mind-zh; do
    encoder=minilm language=
    [ "$name" = mind-zh ] && encoder=multilingual language=zh
    "$semrec" embed "$OUT/$name" --encoder "$encoder" --out "$OUT/$name-vectors.npy"
    "$semrec" mine "$OUT/$name" --encoder "$encoder" --out "$OUT/$name-mined"
    [ -z "${PEERS:-}" ] || "$PEERS" recipes/mine-peers.py "$OUT/$name" "$OUT/$name-vectors.npy" "$OUT/$name-mined" $language
done
[ -n "${SCALE:-}" ] || exit 0
# Catalogues of made-up texts: titles of amazon-beauty with words of other titles put in.
python3 - "$DATA/amazon-beauty/items.csv" "$OUT" <<'PYTHON'
import csv, random, sys
titles = [row["title"].split() for row in csv.DictReader(open(sys.argv[1])) if row["title"]]
draw = random.Random(7)
for n in (12_500, 25_000, 50_000, 100_000):
    with open(f"{sys.argv[2]}/texts-{n}.csv", "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["id", "text"])
        for i in range(n):
            words, other = list(draw.choice(titles)), draw.choice(titles)
            for _ in range(1 + len(words) // 4):
                words[draw.randrange(len(words))] = draw.choice(other)
            out.writerow([i, " ".join(words)])
PYTHON
# The fast tier encodes a hundred thousand texts in seconds.
[ -d "$OUT/fast" ] || "$semrec" model distil minilm "$OUT/amazon-beauty" --out "$OUT/fast"
for n in 12500 25000 50000 100000; do
    "$semrec" mine "$OUT/texts-$n.csv" --encoder "$OUT/fast" --out "$OUT/mined-$n"
done
