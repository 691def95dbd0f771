#!/usr/bin/env bash
# Sets provider-proxy up beside itself, once, and hands over to it. `./run-proxy.sh --help` says what it can do;
# without arguments it serves, `web` serves with mitmweb, `-- COMMAND…` runs COMMAND behind the proxy.
set -u

# The folder of this file, through symbolic links as well (older macOS has no `readlink -f`).
script=${BASH_SOURCE[0]}
case $script in */*) ;; *) script=./$script ;; esac
while [ -L "$script" ]; do
    target=$(readlink "$script")
    case $target in
        /*) script=$target ;;
        *) script=${script%/*}/$target ;;
    esac
done
root=$(CDPATH="" cd -P "${script%/*}/" && pwd) || exit 1

# shellcheck source=.ci/setup.sh
. "$root/.ci/setup.sh"
[ -z "${PROVIDER_PROXY_WHEELS:-}" ] || PROVIDER_PROXY_WHEELS=$(absolute "$PROVIDER_PROXY_WHEELS")
case ${1-} in
    extras) shift && add_extras "$root" "$@" && exit ;;
    wheels) make_wheels "$root" "${2-}" && exit ;;
esac
# shellcheck disable=SC2046  # words
set_up "$root" $(wanted_extras)

command=$root/.venv/bin/provider-proxy
# How this user calls us: messages that name a command spell it so.
export RUN_PROXY_SH=$0
case ${1-} in
    "") [ $# -eq 0 ] && set -- serve ;;
    web) shift && set -- serve --web "$@" ;;
    --) set -- run "$@" ;;
esac
# Python would import a json.py on PYTHONPATH before ours; the user's command gets the variable back.
if [ -n "${PYTHONPATH:-}" ]; then
    export _PROVIDER_PROXY_PYTHONPATH=$PYTHONPATH
    unset PYTHONPATH
fi
exec "$command" "$@"
