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

# set_up ROOT [EXTRA…]: installs ROOT's packages with these extras into ROOT/.venv. Extras stay installed.
# `dev` has all of them, in their newest versions; without it the versions are those of .ci/constraints.txt.
set_up() {
    local root=$1 fingerprint python
    shift
    # Moving a folder breaks the paths inside a venv, so the folder is part of the fingerprint.
    fingerprint="$root: $(<"$root/pyproject.toml") $(<"$root/.ci/constraints.txt")"
    is_ready "$root" "$fingerprint" "$@" && return
    if ! python=$(find_python); then
        echo "provider-proxy: found no Python >= 3.12; install one (with its venv module), or set PYTHON to its path" >&2
        exit 2
    fi
    # For two at once. The lock ends with the descriptor, so a killed set-up leaves none behind.
    exec 9<"$root/pyproject.toml"
    lock_descriptor_9 "$python"
    is_ready "$root" "$fingerprint" "$@" || install "$root" "$fingerprint" "$python" "$@"
    exec 9<&-
}

# The extras that the environment asks for. The others are added by `run-proxy.sh extras`.
wanted_extras() {
    [ -z "${PROVIDER_PROXY_REDIS_URL:-}" ] || echo redis
    [ -z "${PROVIDER_PROXY_REMOTE:-}" ] || echo buckets
    [ -z "${PROVIDER_PROXY_MAX_USD:-}" ] || echo prices
    [ -z "${PROVIDER_PROXY_VOLATILE:-}${PROVIDER_PROXY_VOLATILE_RULES:-}" ] && ! has_volatile_rules || echo volatile
}

# Whether a file of settings here names volatile values.
has_volatile_rules() {
    local file line
    for file in provider-proxy.toml pyproject.toml; do
        [ -r "$file" ] || continue
        while read -r line || [ -n "$line" ]; do
            [[ $line =~ ^(\[\[)?(tool\.provider-proxy\.)?volatile ]] && return
        done <"$file"
    done
    return 1
}

# is_ready ROOT FINGERPRINT [EXTRA…]
is_ready() {
    local venv=$1/.venv fingerprint=$2 extra
    shift 2
    [ -x "$venv/bin/python" ] || return
    is_stamped "$venv/ready" "$fingerprint" || return
    for extra; do
        is_stamped "$venv/ready-$extra" "$fingerprint" || is_stamped "$venv/ready-dev" "$fingerprint" || return
    done
}

is_stamped() {
    [ -r "$1" ] && [ "$(<"$1")" = "$2" ]
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

# install ROOT FINGERPRINT PYTHON [EXTRA…]
install() {
    local root=$1 fingerprint=$2 python=$3 venv=$1/.venv began=$SECONDS extra extras stamp
    shift 3
    echo "provider-proxy: setting up $venv (once)" >&2
    trap 'echo "provider-proxy: set-up interrupted; the next start makes it anew" >&2; exit 130' INT
    # A venv that works is used, whoever made it; an unfinished one is made again.
    if [ -e "$venv/unfinished" ] || ! "$venv/bin/python" -I -c "" >/dev/null 2>&1; then
        rm -rf "$venv"
        { mkdir "$venv" && touch "$venv/unfinished" && "$python" -I -m venv --without-pip "$venv"; } || set_up_failed "$venv"
    fi
    for stamp in "$venv"/ready-*; do
        case " $* " in *" ${stamp##*/ready-} "*) continue ;; esac
        [ ! -e "$stamp" ] || set -- "$@" "${stamp##*/ready-}"
    done
    extras=$(IFS=, && echo "$*")
    touch "$venv/unfinished"
    rm -f "$venv"/ready*
    case ",$extras," in *,dev,*) use_pip "$python" "$venv" dev ;; *) use_pip "$python" "$venv" ;; esac
    # The rest is compiled when it is first used; most of it never is.
    (
        set -o pipefail
        run_pip "$root" install --no-compile --progress-bar off --editable ".${extras:+[$extras]}" 2>&1 |
            show_packages "$venv/pip.log"
    ) || show_failure "$venv"
    rm -f "$venv/pip.log"
    # The proxy runs with -O: that is compiled here, once.
    (cd "$root" && unset PYTHONPATH PYTHONDONTWRITEBYTECODE &&
        "$venv/bin/python" -P -O -c "import addon.host.host, addon.cli.serve, addon.cli.run") || set_up_failed "$venv"
    rm "$venv/unfinished"
    trap - INT
    echo "provider-proxy: set up in $((SECONDS - began)) seconds" >&2
    for extra in "" "$@"; do
        printf '%s\n' "$fingerprint" >"$venv/ready${extra:+-$extra}"
    done
}

# use_pip PYTHON VENV [dev]: decides which pip `run_pip` runs. PYTHON's installs into the venv from outside: a pip
# inside it would take seconds and 14 MB. `dev` has a new one inside, since that of Python 3.12.1 tries old releases of
# everything for an hour if two new ones disagree, which constraints rule out.
use_pip() {
    pip_command=("$1" -I -m pip --python "$2/bin/python")
    [ -z "${3-}" ] && "$1" -I -m pip --version >/dev/null 2>&1 && return
    pip_command=("$2/bin/python" -I -m pip)
    "${pip_command[@]}" --version >/dev/null 2>&1 || "$2/bin/python" -I -m ensurepip >/dev/null || set_up_failed "$2"
    [ -z "${3-}" ] || "${pip_command[@]}" install -qq "pip>=25" >&2 || set_up_failed "$2"
}

# run_pip ROOT ARGUMENTS…: runs pip in ROOT, with the versions of .ci/constraints.txt unless the extra `dev` is among
# the arguments, and without a registry if PROVIDER_PROXY_WHEELS names a folder that `run-proxy.sh wheels` made.
run_pip() (
    cd "$1" || exit
    shift
    unset PYTHONPATH  # --python starts another interpreter, without -I
    # For what builds the package too. A path in these variables must have no blank; pip >= 25.3 reads the second one.
    case "$*" in *".["*dev*"]"*) ;; *) export PIP_CONSTRAINT=.ci/constraints.txt PIP_BUILD_CONSTRAINT=.ci/constraints.txt ;; esac
    exec "${pip_command[@]}" "$@" ${PROVIDER_PROXY_WHEELS:+--no-index --find-links "$PROVIDER_PROXY_WHEELS"} </dev/null
)

# show_packages LOG: reads what pip says. Names each package on a terminal, in one line, and then how many there are.
show_packages() {
    local line name names count=0
    while IFS= read -r line; do
        printf '%s\n' "$line"
        case $line in
            "Collecting "* | "Processing "*)
                name=${line#* } && name=${name%% *} && name=${name##*/} && name=${name%%[-=<>!~][0-9=]*} && count=$((count + 1))
                [ ! -t 2 ] || printf '\r\033[Kprovider-proxy: package %s, %.40s' "$count" "$name" >&2
                ;;
            "Installing collected packages: "*)
                names=${line#*: } && names=${names//[^,]/}
                [ ! -t 2 ] || printf '\r\033[K' >&2
                echo "provider-proxy: installing $((${#names} + 1)) packages" >&2
                ;;
        esac
    done >"$1"
}

# show_failure VENV: prints the end of what pip said.
show_failure() {
    [ ! -t 2 ] || echo >&2
    tail -n 12 "$1/pip.log" >&2
    set_up_failed "$1"
}

# add_extras ROOT EXTRA…: `run-proxy.sh extras`.
add_extras() {
    local root=$1 extra
    shift
    [ "$*" != all ] || set -- redis buckets import prices volatile
    for extra in "${@:-none}"; do
        case $extra in
            redis | buckets | import | prices | volatile) ;;
            *) wrong_usage "usage: run-proxy.sh extras [redis] [buckets] [import] [prices] [volatile], or all" ;;
        esac
    done
    set_up "$root" "$@"
}

# make_wheels ROOT FOLDER: `run-proxy.sh wheels` fills FOLDER with what a set-up with every extra installs.
make_wheels() {
    local root=$1 folder=${2-} python
    [ -n "$folder" ] || wrong_usage "usage: run-proxy.sh wheels FOLDER"
    set_up "$root"
    python=$(find_python) && use_pip "$python" "$root/.venv" &&
        run_pip "$root" wheel -qq --wheel-dir "$(absolute "$folder")" ".[all]" hatchling editables >&2 || set_up_failed "$folder"
}

absolute() {
    case $1 in /*) printf '%s\n' "$1" ;; *) printf '%s\n' "$PWD/$1" ;; esac
}

wrong_usage() {
    echo "provider-proxy: $1" >&2
    exit 2
}

set_up_failed() {
    echo "provider-proxy: setting up $1 failed, see above; the next start tries again" >&2
    exit 1
}
