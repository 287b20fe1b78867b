#!/usr/bin/env bash
# What smaller encoders cost and what they lose: fewer bits, fewer layers, fewer dimensions, and
# the fast tier, on Amazon Beauty with MiniLM; on MIND in Chinese with a multilingual encoder,
# where there is one.
#
#   recipes/encoder-smaller.sh DATA [OUT]
#
# Ends with a table for each data set. Speed is that of one thread on this machine; the first line
# says what of its processor counts.
DATA=${1:-${DATA:-}}
OUT=${2:-${OUT:-}}
[ -n "$DATA" ] || unset DATA
[ -n "$OUT" ] || unset OUT
source "$(dirname "$0")/start.sh"
echo "processor: $(awk -F ': ' '/^model name/ {print $2; exit}' /proc/cpuinfo 2>/dev/null || uname -m);" \
    "of avx2, avx512f, avx512_vnni, amx_tile, amx_int8 it has" \
    "$(grep -m 1 '^flags' /proc/cpuinfo 2>/dev/null | grep -owE 'avx2|avx512f|avx512_vnni|amx_tile|amx_int8' | tr '\n' ' ')"

OUT=$(cd "$OUT" && pwd)
semrec=$PWD/$semrec
models=$OUT/encoders
mkdir -p "$models"

# What of a conversion's output is said here; the comparison comes once, at the end.
made() { grep -E ' is in | stay: '; }

# make_smaller NAME SOURCE FLAGS…: converts, unless it is there already.
make_smaller() {
    [ -d "$models/$1" ] || "$semrec" model convert "$2" --out "$models/$1" "${@:3}" | made
}

# smaller DATASET SOURCE LAYERS…: all the smaller encoders of SOURCE, and how they do on the data set.
smaller() {
    local dataset=$1 source=$2 name
    local encoders=("$source")
    import_items "$dataset"
    for precision in f16 int8; do
        make_smaller "$source-$precision" "$source" --precision "$precision"
        encoders+=("$source-$precision")
    done
    for layers in "${@:3}"; do
        name=$source-$layers-layers
        make_smaller "$name" "$source" --layers "$layers" --dataset "$OUT/$dataset"
        encoders+=("$name")
    done
    make_smaller "$name-int8" "$models/$name" --precision int8
    encoders+=("$name-int8")
    for dimensions in 256 128; do
        make_smaller "$source-$dimensions" "$source" --dimensions "$dimensions"
        encoders+=("$source-$dimensions")
    done
    for dimensions in "" 128; do
        name=$source-fast${dimensions:+-$dimensions}
        [ -d "$models/$name" ] || "$semrec" model distil "$source" "$OUT/$dataset" --out "$models/$name" \
            ${dimensions:+--dimensions "$dimensions"} | made
        encoders+=("$name")
    done
    (cd "$models" && "$semrec" model compare "$OUT/$dataset" "${encoders[@]}" --json "$OUT/encoders-$dataset.json")
}

smaller amazon-beauty minilm 4 3
if "$semrec" model info multilingual >/dev/null 2>&1; then
    smaller mind-zh multilingual 8 6
else
    echo "mind-zh is left out: get a multilingual encoder with 'semrec model pull multilingual'"
fi
