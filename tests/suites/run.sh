#!/usr/bin/env bash
# run.sh SUITE PHASE…: runs an SDK maker's test suite; the phases are direct, record and replay. See README.md.
set -euo pipefail
here=$(cd -P "$(dirname "${BASH_SOURCE[0]}")" && pwd)
: "${SUITES:?names the folder with the sources; see tests/suites/README.md}"
export SUITES PROJECT="${here%/tests/suites}" HERE=$here
export OUT=$SUITES/out/$1
mkdir -p "$OUT"
"$PROJECT/.venv/bin/python" "$here/certificates.py" "$OUT/ca"
# A mount namespace for /etc/hosts, and a network without a way out: only the mock can answer.
exec unshare --mount --net bash -c '
    set -euo pipefail
    "$PROJECT/.venv/bin/python" "$HERE/loopback.py"
    echo "127.0.0.1 localhost api.openai.com api.anthropic.com" > "$OUT/hosts"
    mount --bind "$OUT/hosts" /etc/hosts
    exec "$HERE/phases.sh" "$@"' run.sh "$@"
