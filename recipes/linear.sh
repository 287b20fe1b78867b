#!/usr/bin/env bash
# The models without texts on five data sets, by the example `cf`: what the parts for validation say
# (defaults are chosen on those), and the test parts. One JSON line a model.
#
# usage: DATA=… recipes/linear.sh [validation|test]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
: "${DATA:?set DATA to the directory that holds the data sets, see recipes/README.md}"
part=${1:-test}
cargo build --quiet --release --locked -p semrec-models --example cf
cf=target/release/examples/cf
for set in ml-1m-random amazon-beauty amazon-toys amazon-industrial; do
    for model in item-knn rp3beta slim ease gf-cf als; do
        echo "$set $("$cf" "$DATA/$set" "$model" part="$part")"
    done
done
# What begins with random numbers, by three seeds: more factors, the graph filter, a fusion of the three best.
one() { "$cf" "$DATA/ml-1m-random" "$@" part="$part" seed=42,1,2 | sed 's/^/ml-1m-random /'; }
for factors in 256 512; do one als factors=$factors; done
one gf-cf
one hybrid sources=als+ease+gf-cf
