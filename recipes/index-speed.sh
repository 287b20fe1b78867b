#!/bin/sh
# The index beside its peers, on one thread: scans in three precisions, a graph built, saved,
# mapped, searched, filtered and changed, and the same vectors in numpy, USearch, hnswlib and Faiss
# (Python) and in USearch, hnsw_rs and hannoy (Rust). 384 dimensions, made up as index-peers.py
# says.
#
# usage: recipes/index-speed.sh [N] [PYTHON] [PEERS] [CRATES]
# N is 100000 vectors if not given; a million take 4 GB of disk and hours with all peers. PYTHON
# has numpy, usearch, hnswlib and faiss-cpu. PEERS and CRATES are the ones to run, in quotes, all
# if not given. Prints one line of JSON a measurement; times are those of the processor.
set -eu

n=${1:-100000}
python=${2:-python3}
peers=${3-numpy usearch-f16 usearch-i8 hnswlib faiss}
crates=${4-usearch-f16 usearch-i8 hnsw_rs hannoy}
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
target=$(cargo metadata --format-version 1 --no-deps |
    "$python" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
data=$target/index-speed/$n

cargo build --quiet --release -p semrec-index --example index_speed
[ -f "$data/truth.u32" ] || "$python" "$here/index-peers.py" data "$data" "$n"
for precision in f32 f16 int8; do
    "$target/release/examples/index_speed" exact "$data" "$precision"
done
rm -f "$data/index.int8"
"$target/release/examples/index_speed" graph "$data" int8
for peer in $peers; do
    "$python" "$here/index-peers.py" "$peer" "$data"
done
for crate in $crates; do
    CARGO_TARGET_DIR=$target/index-crates cargo build --quiet --release \
        --manifest-path "$here/index-crates/Cargo.toml" --features "${crate%%-*}"
    "$target/index-crates/release/index-crates" "$crate" "$data"
done
