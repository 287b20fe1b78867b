#!/usr/bin/env bash
# The service against requests that schemathesis (PyPI) makes up from /openapi.json: none may be
# answered 5xx, and each answer must be what the document says.
#
# usage: scripts/fuzz-service.sh BUNDLE [EXAMPLES]     (100 of each route; SCHEMATHESIS names the command)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
examples=${2:-100}
semrec=${CARGO_TARGET_DIR:-target}/release/semrec
source scripts/service-up.sh
service_up "$1"
"${SCHEMATHESIS:-schemathesis}" run "$url/openapi.json" --url "$url" --seed 42 \
    --max-examples "$examples" --generation-database none --phases examples,coverage,fuzzing \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    --request-timeout 30
curl -sf "$url/health/ready" >/dev/null
