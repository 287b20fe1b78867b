#!/usr/bin/env bash
# Imports ten million made-up events and prints how long it took and how much memory it held.
#
#   recipes/import-10m.sh [path to semrec, default target/release/semrec]
#
# The stated bound is 64 bytes an event and about 40 an id: 640 MB + 28 MB for what is made here
# (10,000,000 events, 500,000 users, 200,000 items, ids of 8 and 9 characters).
set -euo pipefail
cd "$(dirname "$0")/.."
semrec=${1:-target/release/semrec}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

echo "making 10,000,000 events in $dir"
awk 'BEGIN {
  srand(1); print "user_id,item_id,rating,timestamp"
  for (i = 0; i < 10000000; i++) {
    u = rand(); v = rand()
    printf "U%07d,B%08d,%d,%d\n", 500000*u*u, 200000*v*v*v, 1 + 5*rand(), 1400000000 + 200000000*rand()
  }
}' > "$dir/events.csv"

start=$(date +%s.%N)
"$semrec" import --interactions "$dir/events.csv" --out "$dir/dataset" &
process=$!
peak=0
while held=$(awk '/^VmHWM/ {print $2}' "/proc/$process/status" 2>/dev/null) && [ -n "$held" ]; do
  peak=$held
  sleep 0.05
done
wait "$process"
end=$(date +%s.%N)

awk -v kib="$peak" -v s="$start" -v e="$end" 'BEGIN {
  printf "%.1f s, %.2f million events/s, peak memory %.0f MB, %.1f bytes an event\n",
    e - s, 10 / (e - s), kib * 1024 / 1e6, kib * 1024 / 1e7
}'
