#!/usr/bin/env bash
# The main job on ml-latest-small and the service that it ends in, with the three lines it prints
# run and their answers looked at. On a terminal the service stays until Ctrl-C; where nobody sits
# (standard input is no terminal, or CI is set) it is ended when the lines are answered.
#
# usage: scripts/demo.sh SEMREC OUT
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
semrec=$1
out=$2
data=data/ml-latest-small
said=$(mktemp)
"$semrec" up "$data/movies.csv" "$data/ratings.csv" --out "$out" > >(tee "$said") &
service=$!
# Whatever happens, no service is left behind.
trap 'kill "$service" 2>/dev/null || true; rm -f "$said"' EXIT
until grep -q '^Ctrl-C ends the service' "$said"; do
    if ! kill -0 "$service" 2>/dev/null; then
        wait "$service"
        exit 1
    fi
    sleep 0.2
done

lines=$(sed -n 's/^  curl/curl/p' "$said")
[ "$(wc -l <<<"$lines")" = 3 ] || { echo "expected three lines with curl" >&2; exit 1; }
echo
while read -r line; do
    echo "\$ $line"
    sh -c "$line" | python3 -c '
import json, sys
reply = json.load(sys.stdin)
items = reply.get("items")
assert items, f"no items: {reply}"
for item in items:
    print("  ", item["title"], item.get("why") and "  (" + item["why"] + ")" or "")
'
done <<<"$lines"
page=$(sed -n 's/^dashboard: //p' "$said")
curl -fs "$page" | grep -q '<title>semrec</title>'

echo
echo "open $PWD/$out/report.html"
if [ -t 0 ] && [ -z "${CI:-}" ]; then
    echo "open $page; Ctrl-C ends the service"
    trap 'kill "$service" 2>/dev/null || true' INT TERM
    # The first wait ends with the signal, the second with the service.
    wait "$service" || wait "$service"
else
    echo "the service has answered and is ended, as nobody sits here"
    kill "$service"
    wait "$service"
fi
