# Sourced by every recipe: builds the binary, and tells where data and results lie.
#
#   DATA  directory with the data sets (amazon-beauty/, ml-1m-random/, …; see recipes/README.md)
#   OUT   where data sets, results and reports go [default: recipes/out]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
: "${DATA:?set DATA to the directory that holds the data sets, see recipes/README.md}"
OUT=${OUT:-recipes/out}
mkdir -p "$OUT"
cargo build --release --locked --bin semrec
semrec=target/release/semrec
"$semrec" model info minilm >/dev/null 2>&1 || "$semrec" model pull minilm

# Imports NAME with its items (unless it is there already).
import_items() {
    [ -d "$OUT/$1" ] || "$semrec" import --name "$1" --items "$DATA/$1/items.csv" \
        --interactions "$DATA/$1/interactions.csv" "${@:2}" --out "$OUT/$1"
}

# Imports ml-1m-random, whose lines are `user item item …` and whose test part is a file of its own.
import_ml_1m_random() {
    [ -d "$OUT/ml-1m-random" ] || "$semrec" import --name ml-1m-random --format adjacency \
        --interactions "$DATA/ml-1m-random/train.txt" --test-interactions "$DATA/ml-1m-random/test.txt" \
        --out "$OUT/ml-1m-random"
}

# Imports MovieLens latest-small, which lies in the repository.
import_ml_latest_small() {
    [ -d "$OUT/ml-latest-small" ] || "$semrec" import --items data/ml-latest-small/movies.csv \
        --interactions data/ml-latest-small/ratings.csv --out "$OUT/ml-latest-small"
}

# Imports MovieLens 100K in RecBole's files, with its knowledge graph.
import_ml_100k() {
    [ -d "$OUT/ml-100k" ] || "$semrec" import --interactions "$DATA/ml-100k" --out "$OUT/ml-100k"
}
