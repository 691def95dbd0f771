# shellcheck shell=bash disable=SC2034,SC2154
base=https://api.openai.com/v1 strip=/v1
start_mock() {
    "$SUITES/mock/node_modules/.bin/node" "$SUITES/mock/node_modules/.bin/steady" -q --host 127.0.0.1 -p 4010 \
        --validator-query-array-format=brackets --validator-form-array-format=brackets \
        --validator-query-object-format=brackets --validator-form-object-format=brackets \
        "$SUITES/openai-python/api_reference/openapi.transformed.yml" &
    mock_pid=$!
}
run_tests() {
    cd "$SUITES/openai-python" && DEFER_PYDANTIC_BUILD=false PYTHONDONTWRITEBYTECODE=1 \
        "$SUITES/v-openai/bin/python" -m pytest tests/api_resources -n 0 -q -p no:cacheprovider \
        --junitxml="$results" ${TESTS:+-k "$TESTS"}
}
