#!/usr/bin/env bash
# Every check, in one command: lint, format, types, tests. Arguments go to pytest.
set -u
CDPATH="" cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

# shellcheck source=../.ci/setup.sh
. .ci/setup.sh
set_up "$(pwd -P)" dev

check() {
    echo "== $*"
    ".venv/bin/$1" "${@:2}" || { echo "tests/run.sh: '$*' failed (status $?)" >&2; exit 1; }
}

check ruff check .
check ruff format --check .
check mypy
echo "== pytest $*"
# Hundreds of processes are started: each would compile what it imports, and each worker rewrite every test.
unset PYTHONDONTWRITEBYTECODE
# By file, since what a file sets up costs more than its tests; in the order of tests/conftest.py.
exec .venv/bin/python -m pytest -q -n "${TEST_WORKERS:-4}" --dist loadfile --no-loadscope-reorder "$@"
