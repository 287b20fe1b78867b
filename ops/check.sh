#!/usr/bin/env bash
# What ops/ says against what the service does: alert rules by promtool, the manifest by Kubernetes'
# schemas, and both against a service that is started for it: each metric is told, each probe is
# answered, each flag is taken.
#
# usage: ops/check.sh BUNDLE       (promtool, and a python3 with PyYAML and kubernetes-validate)
set -euo pipefail
bundle=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")"
semrec=${CARGO_TARGET_DIR:-$(realpath ../target)}/release/semrec
python=${PYTHON:-python3}

promtool check rules alerts.yml
promtool test rules alerts_test.yml

work=$(mktemp -d)
trap 'kill "$service" 2>/dev/null || true; rm -rf "$work"' EXIT
"$semrec" serve "$bundle" --listen 127.0.0.1:0 --store "sqlite:$work/s.db" >"$work/said" &
service=$!
until grep -qs '^http://' "$work/said"; do
    kill -0 "$service"
    sleep 0.1
done
"$semrec" serve --help >"$work/help"
"$python" - "$(sed 's/ .*//;q' "$work/said")" "$work/help" <<'PYTHON'
import json, re, sys, urllib.request
import kubernetes_validate, yaml

url, help_page = sys.argv[1:]
def get(path, body=None):
    request = urllib.request.Request(url + path, data=body)
    return urllib.request.urlopen(request).read().decode()

# A request, so that what is counted by route is told.
get("/v1/recommend", b"{}")
metrics = get("/metrics")
rules = open("alerts.yml").read()
named = set(re.findall(r"\bsemrec_\w+", rules)) - {"semrec"}
missing = [name for name in sorted(named) if not re.search(rf"^{name}[{{ ]", metrics, re.M)]
assert not missing, f"alerts.yml names metrics that are not told: {missing}"

documents = list(yaml.safe_load_all(open("kubernetes.yaml")))
for document in documents:
    kubernetes_validate.validate(document, "1.31", strict=True)
kinds = {document["kind"]: document for document in documents}
container = kinds["Deployment"]["spec"]["template"]["spec"]["containers"][0]
for probe in ["startupProbe", "readinessProbe", "livenessProbe"]:
    get(container[probe]["httpGet"]["path"])
flags = open(help_page).read()
for flag in container["args"]:
    name = flag.split("=")[0]
    assert not name.startswith("--") or re.search(rf"{name}\b", flags), f"serve has no flag {name}"
port = next(p["containerPort"] for p in container["ports"])
assert f"--listen=0.0.0.0:{port}" in container["args"], "the port is not the one that is listened on"
metric = kinds["HorizontalPodAutoscaler"]["spec"]["metrics"][0]["pods"]["metric"]
queue = metric["selector"]["matchLabels"]["queue"]
assert f'{metric["name"]}{{queue="{queue}"}}' in metrics, "the autoscaler asks for a metric that is not told"
print(f"{len(documents)} documents of kubernetes.yaml are valid, {len(named)} metrics of alerts.yml are told")
PYTHON
