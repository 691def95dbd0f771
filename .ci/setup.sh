# Sourced by run-proxy.sh and tests/run.sh: finds a Python and makes .venv, once. Runs on bash 3.2 (macOS).
# Pythons are started with -I: a venv.py in the working directory or on PYTHONPATH must not run.
# shellcheck shell=bash

# Prints the first Python >= 3.12 that runs. Each is tried, since a name on PATH may be a shim that fails.
find_python() {
    local candidate minor
    for candidate in "${PYTHON:-}" "$(uv python find --no-project --system '>=3.12' 2>/dev/null)" \
        python3.14 python3.13 python3.12 python3; do
        try_python "$candidate" && return
    done
    for minor in 14 13 12; do
        for candidate in "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/3.$minor".*/bin/python; do
            try_python "$candidate" && return
        done
    done
    return 1
}

try_python() {
    # Debian has ensurepip in a package of its own; a venv made without it has no pip.
    [ -n "$1" ] && "$1" -I -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' \
        </dev/null >/dev/null 2>&1 && printf '%s\n' "$1"
}

# set_up ROOT EXTRA: installs ROOT's packages with EXTRA ("" or "dev") into ROOT/.venv.
set_up() {
    local root=$1 extra=$2 fingerprint python
    # Moving a folder breaks the paths inside a venv, so the folder is part of the fingerprint.
    fingerprint="$root: $(<"$root/pyproject.toml")"
    is_ready "$root" "$extra" "$fingerprint" && return
    if ! python=$(find_python); then
        echo "provider-proxy: found no Python >= 3.12; install one (with its venv module), or set PYTHON to its path" >&2
        exit 2
    fi
    # For two at once. The lock ends with the descriptor, so a killed set-up leaves none behind.
    exec 9<"$root/pyproject.toml"
    lock_descriptor_9 "$python"
    is_ready "$root" "$extra" "$fingerprint" || install "$root" "$extra" "$fingerprint" "$python"
    exec 9<&-
}

is_ready() {
    local stamp=$1/.venv/ready${2:+-$2}
    [ -x "$1/.venv/bin/python" ] && [ -r "$stamp" ] && [ "$(<"$stamp")" = "$3" ]
}

lock_descriptor_9() {
    "$1" -I -c '
import fcntl, sys
try:
    fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    print("provider-proxy: waiting for another set-up to finish", file=sys.stderr)
    fcntl.flock(9, fcntl.LOCK_EX)
except OSError:
    pass  # some network file systems have no locks
'
}

install() {
    local root=$1 extra=$2 fingerprint=$3 python=$4 venv=$1/.venv
    echo "provider-proxy: setting up $venv (once)" >&2
    # A venv that works is used, whoever made it; an unfinished one is made again.
    if [ -e "$venv/unfinished" ] || ! "$venv/bin/python" -I -m pip --version >/dev/null 2>&1; then
        rm -rf "$venv"
        { mkdir "$venv" && touch "$venv/unfinished" && "$python" -I -m venv "$venv"; } || set_up_failed "$venv"
    fi
    touch "$venv/unfinished"
    rm -f "$venv/ready" "$venv/ready-dev"
    # The pip of Python 3.12.1 tries old releases of everything for an hour if two new ones disagree.
    (cd "$root" && "$venv/bin/python" -I -m pip install -qq "pip>=25" >&2 &&
        "$venv/bin/python" -I -m pip install -qq --editable ".[${extra:-all}]" >&2) || set_up_failed "$venv"
    # The proxy runs with -O: compile for that here, once.
    (cd "$root" && PYTHONPATH= PYTHONDONTWRITEBYTECODE= "$venv/bin/python" -P -O -c "import addon.host.host, addon.cli.serve, addon.cli.run") ||
        set_up_failed "$venv"
    rm "$venv/unfinished"
    printf '%s\n' "$fingerprint" >"$venv/ready${extra:+-$extra}"
    [ -z "$extra" ] || printf '%s\n' "$fingerprint" >"$venv/ready"
}

set_up_failed() {
    echo "provider-proxy: setting up $1 failed, see above; the next start tries again" >&2
    exit 1
}
