#!/bin/sh
# How long EASE and a sweep of ALS take beside numpy and implicit, on the same cores, in turns.
#
# usage: recipes/cf-speed.sh DIRECTORY [PYTHON] [ROUNDS]
# DIRECTORY holds train.txt and test.txt (lines of `user item item ...`); PYTHON has numpy, scipy
# and implicit. Prints, for each pair, the medians of both and their ratio (above 1: ours is
# faster). A shared machine is noisy: the runs alternate, so that both see the same noise.
set -eu

directory=$1
python=${2:-python3}
rounds=${3:-5}
here=$(dirname "$0")
cargo build --quiet --release -p semrec-models --example cf
ours=$(cargo metadata --format-version 1 --no-deps |
    "$python" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release/examples/cf

# compare NAME FIELD-OF-OURS "OUR ARGUMENTS" "PEER'S ARGUMENTS"
compare() {
    for round in $(seq "$rounds"); do
        # shellcheck disable=SC2086 # the arguments are words
        "$ours" "$directory" $3
        # shellcheck disable=SC2086
        "$python" -W ignore "$here/cf-peers.py" "$directory" $4
    done | "$python" -c '
import json, statistics, sys
name, field = sys.argv[1:]
lines = [json.loads(line) for line in sys.stdin]
ours = statistics.median(line[field] for line in lines[0::2])
peer = statistics.median(line["seconds"] for line in lines[1::2])
print(f"{name}: ours {ours:.3f} s, peer {peer:.3f} s, ratio {peer / ours:.2f}")
' "$1" "$2"
}

compare "ease fit / numpy" fit_seconds "ease lambda=500" "ease 500"
for factors in 64 128; do
    ours_cg="als factors=$factors iterations=8 steps=3"
    ours_exact="als factors=$factors iterations=8 steps=0"
    compare "als sweep, $factors factors, CG / implicit's CG" step_seconds "$ours_cg" "als $factors cg"
    compare "als sweep, $factors factors, exact / implicit's CG" step_seconds "$ours_exact" "als $factors cg"
    compare "als sweep, $factors factors, exact / implicit's Cholesky" step_seconds "$ours_exact" "als $factors cholesky"
done
