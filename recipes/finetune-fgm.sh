#!/usr/bin/env bash
# Adversarial training of the encoder (FGM) and what it is worth where texts have typos: two encoders
# tuned on Amazon Beauty, with and without, and `content` by each and by the frozen one over the
# catalogue as it is, with a typo in every word of five letters and more, and in another wording
# (words in another order, a fifth left out). Forty minutes on two cores.
#
# usage: DATA=… recipes/finetune-fgm.sh [EPS]
source "$(dirname "$0")/start.sh"
eps=${1:-1}
python3 - "$DATA/amazon-beauty" "$OUT/changed" <<'PYTHON'
import csv, pathlib, random, shutil, sys
rows = list(csv.DictReader(open(f"{sys.argv[1]}/items.csv")))
draw = random.Random(5)


def typo(word):
    """Two neighbours swapped, a letter dropped, or doubled; never the first."""
    if len(word) < 5 or not word.isalpha():
        return word
    at = draw.randrange(1, len(word) - 1)
    how = draw.randrange(3)
    middle = (word[at + 1] + word[at], word[at + 1], word[at] * 2 + word[at + 1])[how]
    return word[:at] + middle + word[at + 2:]


def reworded(text):
    words = [word for word in text.split() if draw.random() < 0.8] or text.split()
    draw.shuffle(words)
    return " ".join(words)


typos = lambda text: " ".join(typo(word) for word in text.split())
for kind, change in (("typos", typos), ("reworded", reworded)):
    place = pathlib.Path(sys.argv[2], f"amazon-beauty-{kind}")
    place.mkdir(parents=True, exist_ok=True)
    shutil.copy(f"{sys.argv[1]}/interactions.csv", place)
    with open(place / "items.csv", "w", newline="") as file:
        out = csv.DictWriter(file, rows[0].keys())
        out.writeheader()
        out.writerows({**row, **{name: change(row[name]) for name in ("title", "keywords")}} for row in rows)
PYTHON
import_items amazon-beauty
DATA=$OUT/changed
import_items amazon-beauty-typos
import_items amazon-beauty-reworded
for fgm in 0 "$eps"; do
    [ -d "$OUT/amazon-beauty-fgm-$fgm" ] || "$semrec" finetune "$OUT/amazon-beauty" --method full --objective contrastive \
        --ahead 0 --epochs 2 --fgm "$fgm" --no-evaluate --out "$OUT/amazon-beauty-fgm-$fgm"
done
for name in amazon-beauty amazon-beauty-typos amazon-beauty-reworded; do
    for encoder in minilm "$OUT/amazon-beauty-fgm-0" "$OUT/amazon-beauty-fgm-$eps"; do
        echo "$name, $(basename "$encoder"):"
        "$semrec" --quiet evaluate "$OUT/$name" --models content --encoder "$encoder" \
            --cases "$OUT/$name-$(basename "$encoder").csv" | grep -E '^ *(model|content) '
    done
    for encoder in minilm "amazon-beauty-fgm-0"; do
        python3 recipes/paired.py "$OUT/$name-$encoder.csv" "$OUT/$name-amazon-beauty-fgm-$eps.csv"
    done
done
