#!/usr/bin/env bash
# The service under load, on Amazon Beauty with `hybrid`: recommendations for histories of 20 items at
# a constant rate, search, events in bodies of a thousand, and items written while it answers. Load and
# service share the machine.
#
# usage: DATA=… recipes/service-load.sh [RATE [SECONDS]]       FLAGS: more flags of the service
# SECURE=1: over TLS, with a key, a rate for each key, and pseudonyms
source "$(dirname "$0")/start.sh"
rate=${1:-1000} seconds=${2:-30}
cargo build --release --locked --workspace --example load
load=target/release/examples/load
import_items amazon-beauty
[ -d "$OUT/beauty-bundle" ] || "$semrec" train "$OUT/amazon-beauty" --model hybrid --out "$OUT/beauty-bundle"
at=127.0.0.1:8391
store=$(mktemp -d)
secure=() known=() scheme=http
if [ -n "${SECURE:-}" ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
        -keyout "$store/key.pem" -out "$store/cert.pem" 2>/dev/null
    openssl rand -hex 32 >"$store/secret"
    key=$("$semrec" key add load --scope write --store "sqlite:$store/s.db" | grep -o 'semrec_[^ ]*' | head -1)
    secure=(--tls-cert "$store/cert.pem" --tls-key "$store/key.pem" --pseudonyms "$store/secret" --rate 100000)
    known=("$key" "$store/cert.pem") scheme=https
fi
"$semrec" serve "$OUT/beauty-bundle" --listen "$at" --store "sqlite:$store/s.db" "${secure[@]}" ${FLAGS:-} &
service=$!
trap 'kill $service; wait $service; rm -rf "$store"' EXIT
began=$(date +%s.%N)
until curl -skf "$scheme://$at/health/ready" >/dev/null; do sleep 0.1; done
echo "ready, the store filled, after $(echo "$(date +%s.%N) - $began" | bc) s"

python3 - "$DATA/amazon-beauty" "$store" <<'PYTHON'
import csv, json, random, sys
data, out = sys.argv[1:]
random.seed(42)
items = list(csv.DictReader(open(f"{data}/items.csv")))
ids, titles = [i["item_id"] for i in items], [i["title"] for i in items if i["title"]]
def lines(name, make, n):
    with open(f"{out}/{name}", "w") as file:
        for i in range(n):
            file.write(json.dumps(make(i)) + "\n")
lines("recommend", lambda i: {"history": random.sample(ids, 20), "k": 10}, 5000)
lines("search", lambda i: {"query": " ".join(random.choice(titles).split()[:4]), "k": 10}, 2000)
event = lambda: {"user_id": f"u{random.randrange(20000)}", "item_id": random.choice(ids)}
lines("events", lambda i: [event() for _ in range(1000)], 300)
lines("items", lambda i: [{"item_id": f"new-{i}", "title": random.choice(titles) + f" {i}"}], 10000)
PYTHON
echo "recommend, $rate a second:"
"$load" "$at" /v1/recommend "$store/recommend" "$rate" "$seconds" "${known[@]}"
echo "search, 50 a second:"
"$load" "$at" /v1/search "$store/search" 50 "$seconds" "${known[@]}"
echo "events, 20 bodies of 1,000 a second:"
"$load" "$at" /v1/events "$store/events" 20 10 "${known[@]}"
echo "items, 20 a second, until they can be recommended:"
"$load" "$at" /v1/items "$store/items" 20 "$seconds" "${known[@]}"
grep -E 'VmHWM|VmRSS' "/proc/$service/status"
