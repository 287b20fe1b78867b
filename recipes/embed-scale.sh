#!/bin/sh
# What `semrec embed` costs as the file grows: texts per CPU second and peak memory for 1,000,
# 10,000 and 100,000 texts, on one thread. The texts are Amazon Beauty's titles, over and over,
# each with a number of its own, so that no two are the same.
#
# usage: recipes/embed-scale.sh DATA [ENCODER] [SEMREC] [SIZE …]
# DATA holds amazon-beauty/items.csv (recipes/README.md); ENCODER is a name or a directory [minilm];
# SEMREC the binary [target/release/semrec]. Prints a line of JSON for each size. The times are
# those of the whole process: loading the encoder, reading, encoding, writing.
set -eu

data=$1
encoder=${2:-minilm}
semrec=${3:-$(dirname "$0")/../target/release/semrec}
if [ $# -gt 3 ]; then shift 3; else set -- 1000 10000 100000; fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for size in "$@"; do
    python3 -c '
import csv, itertools, sys
path, size, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with open(path) as file:
    titles = [row["title"] for row in csv.DictReader(file) if row["title"]]
with open(out, "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["id", "title"])
    for i, title in enumerate(itertools.islice(itertools.cycle(titles), size)):
        rows.writerow([i, f"{title} {i}"])
' "$data/amazon-beauty/items.csv" "$size" "$work/texts.csv"
    python3 -c '
import json, os, subprocess, sys
size, command = int(sys.argv[1]), sys.argv[2:]
child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
if status:
    sys.exit("semrec embed failed")
cpu = usage.ru_utime + usage.ru_stime
print(json.dumps({
    "texts": size,
    "cpu_seconds": round(cpu, 2),
    "texts_per_cpu_second": round(size / cpu, 1),
    "peak_mib": round(usage.ru_maxrss / 1024),
}), flush=True)
' "$size" "$semrec" embed "$work/texts.csv" --encoder "$encoder" --threads 1 --quiet \
        --out "$work/vectors.parquet"
done
