# shellcheck shell=bash disable=SC2034,SC2154
base=https://api.openai.com/v1 strip=/v1
export PATH=$SUITES/mock/node_modules/.bin:$PATH
start_mock() {
    node "$SUITES/mock/node_modules/.bin/steady" -q --host 127.0.0.1 -p 4010 \
        --validator-query-array-format=brackets --validator-form-array-format=brackets \
        --validator-query-object-format=brackets --validator-form-object-format=brackets \
        "$SUITES/openai-node/api_reference/openapi.transformed.yml" &
    mock_pid=$!
}
run_tests() {
    cd "$SUITES/openai-node" && OPENAI_TEST_SUITE=generated ./node_modules/.bin/jest --runInBand --json \
        --outputFile="$results" tests/api-resources
}
