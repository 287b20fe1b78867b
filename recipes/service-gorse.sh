#!/usr/bin/env bash
# Gorse's own Python client (pygorse, from PyPI) against the service, with a key: every call that the
# client has, by another address alone. On the bundle of `make demo`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bundle=${1:-demo/bundle}
[ -d "$bundle" ] || make demo
semrec=${CARGO_TARGET_DIR:-target}/release/semrec
python=${PYTHON:-}
if [ -z "$python" ]; then
    python3 -m venv recipes/out/gorse-client
    python=recipes/out/gorse-client/bin/python
    "$python" -m pip install -q pygorse==0.5.1
fi
source scripts/service-up.sh
work=$(mktemp -d)
key=$("$semrec" key add gorse --scope admin --store "sqlite:$work/s.db")
service_up "$bundle"
"$python" recipes/service-gorse.py "$url" "$key"
