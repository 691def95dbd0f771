# shellcheck shell=bash disable=SC2034,SC2154
base=https://api.anthropic.com
start_mock() {
    "$PROJECT/.venv/bin/python" "$HERE/anthropic_mock.py" &
    mock_pid=$!
}
run_tests() {
    cd "$SUITES/anthropic-0.39.0" && PYTHONDONTWRITEBYTECODE=1 "$SUITES/v-anthropic/bin/python" -m pytest \
        tests/api_resources -q -p no:cacheprovider --junitxml="$results" ${TESTS:+-k "$TESTS"}
}
