#!/usr/bin/env bash
# Called by run.sh inside the namespace. A suite's file sets `base` and defines start_mock, which sets mock_pid, and
# run_tests, which writes the results to $results.
set -uo pipefail
suite=$1
shift
# shellcheck source=/dev/null
source "$HERE/$suite.sh"
cd "$OUT" || exit 1
unset HTTPS_PROXY HTTP_PROXY https_proxy http_proxy NO_PROXY no_proxy
export TEST_API_BASE_URL=$base SSL_CERT_FILE=$OUT/ca/ca.pem REQUESTS_CA_BUNDLE=$OUT/ca/ca.pem NODE_EXTRA_CA_CERTS=$OUT/ca/ca.pem
export PROVIDER_PROXY_CACHE_DIR=$OUT/cache XDG_DATA_HOME=$OUT/xdg
export PROVIDER_PROXY_STORE_ERRORS=${PROVIDER_PROXY_STORE_ERRORS-404,in-band}
export PROVIDER_PROXY_STORE_PENDING=${PROVIDER_PROXY_STORE_PENDING-true}
export -f run_tests
TIMEFORMAT='%R %U %S'

start_provider() {
    start_mock >"$OUT/mock.log" 2>&1
    "$SUITES/mock/node_modules/.bin/node" "$HERE/front.mjs" 4010 "$OUT/ca" "${strip-}" >"$OUT/$1.requests" 2>&1 &
    front_pid=$!
    local waited
    for waited in $(seq 300); do
        curl --silent --output /dev/null --max-time 5 http://127.0.0.1:4010/ && return
        sleep 0.2
    done
    echo "the mock does not answer: see $OUT/mock.log" >&2
    exit 1
}

stop_provider() {
    kill "$front_pid" "$mock_pid"
    wait "$front_pid" "$mock_pid" 2>/dev/null
}

# The tests' own times go to a file, so that the proxy's are the rest.
timed_tests() { { time run_tests >"$OUT/$phase.log" 2>&1; } 2>"$OUT/$phase.suite-time"; }
export -f timed_tests

through_proxy() {
    export phase results
    { time PROVIDER_PROXY_CACHE_MODE=$1 "$PROJECT/.venv/bin/provider-proxy" run -- \
        bash -c "TIMEFORMAT='$TIMEFORMAT'; timed_tests" >"$OUT/$phase.report" 2>&1; } 2>"$OUT/$phase.time"
}

number=0
for phase in "$@"; do
    results=$OUT/$phase.results
    rm -f "$results"
    case $phase in
        direct)
            start_provider direct
            timed_tests
            cp "$OUT/direct.suite-time" "$OUT/direct.time"
            stop_provider
            ;;
        record)
            rm -rf "$OUT/cache"
            start_provider record
            through_proxy read-old-write-new
            stop_provider
            ;;
        replay) through_proxy read-only-require-hit ;;
        *)
            echo "$phase is not a phase: direct, record, replay" >&2
            exit 2
            ;;
    esac
    number=$((number + 1))
    "$PROJECT/.venv/bin/python" "$HERE/compare.py" "$OUT" "$phase" "$number"
done
