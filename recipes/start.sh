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
