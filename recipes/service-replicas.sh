#!/usr/bin/env bash
# Two services on one PostgreSQL, on MovieLens latest-small with `content` (each item that is written is
# encoded): how long it takes until one knows what the other was told, how many events a second become
# durable, and what is lost when PostgreSQL is started again and again under load. All on one machine.
#
# usage: recipes/service-replicas.sh [seen|ingest|restarts]…           (all of them; needs PostgreSQL)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
OUT=${OUT:-recipes/out}
mkdir -p "$OUT"
[ -n "${SEMREC:-}" ] || cargo build --release --locked --bin semrec
semrec=${SEMREC:-target/release/semrec}
data=data/ml-latest-small
[ -d "$OUT/replicas" ] || "$semrec" import --items "$data/movies.csv" --interactions "$data/ratings.csv" --out "$OUT/replicas"
[ -d "$OUT/replicas-bundle" ] || "$semrec" train "$OUT/replicas" --model content --out "$OUT/replicas-bundle"
CI=1 exec scripts/with-postgres.sh python3 recipes/service-replicas.py "$semrec" "$OUT/replicas-bundle" "$@"
