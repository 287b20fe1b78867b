#!/usr/bin/env bash
# What the service does when things go wrong, on MovieLens latest-small with `item-knn`: killed in the
# middle of a stream of events, its disk full, clients that send a byte a second, a bundle that is
# damaged, and a long load with its memory watched. Each part ends with its figure. The full disk
# needs root (a file system in memory of 16 MB).
#
# usage: recipes/service-faults.sh [kills|disk|slow|bundle|soak [SECONDS]]…    (all of them, 900 s)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
OUT=${OUT:-recipes/out}
mkdir -p "$OUT"
[ -n "${SEMREC:-}" ] || cargo build --release --locked --bin semrec
semrec=${SEMREC:-target/release/semrec}
data=data/ml-latest-small
[ -d "$OUT/faults" ] || "$semrec" import --items "$data/movies.csv" --interactions "$data/ratings.csv" --out "$OUT/faults"
[ -d "$OUT/faults-bundle" ] || "$semrec" train "$OUT/faults" --model item-knn --encoder none --out "$OUT/faults-bundle"
exec python3 recipes/service-faults.py "$semrec" "$OUT/faults-bundle" "$@"
