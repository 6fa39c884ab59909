#!/usr/bin/env bash
# Finds what this machine lacks for the demo or the tests, and installs it.
#
#   setup.sh demo    a C compiler, make, pkg-config, the OpenSSL headers; Rust
#   setup.sh test    that, rustfmt and clippy, PostgreSQL (its programs: no server is set up), Chromium with its driver,
#                    Python with venv (deploy/parties.sh fetches what else the tests need, Node where it is missing)
#
# As root it installs at once. Otherwise it asks before using sudo or, where nobody can answer, says what to install.
# Rust is never installed for you. Silent, and done in an instant, when nothing is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH="$PATH:${HOME:-/root}/.cargo/bin"

oldest_postgresql=15

say() { printf '%s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }
answers() { "$@" >/dev/null 2>&1 </dev/null; }

# --- what is missing --------------------------------------------------------------------------------------------------

compiles() { printf '#include <stdio.h>\n#include <stdint.h>\n' | cc -E - >/dev/null 2>&1; }

has_postgresql() {
    local directory version
    for directory in /usr/lib/postgresql/*/bin $(tr ':' ' ' <<<"$PATH"); do
        [ -x "$directory/initdb" ] && [ -x "$directory/postgres" ] || continue
        version=$("$directory/postgres" --version 2>/dev/null | sed -E 's/[^0-9]*([0-9]+).*/\1/')
        [ "${version:-0}" -ge "$oldest_postgresql" ] && return
    done
    return 1
}

# Ubuntu's packages of these names only fetch a snap; without it the command is there and does not answer.
has_chromium() {
    local browser
    answers chromedriver --version || return
    for browser in chromium chromium-browser google-chrome google-chrome-stable; do
        have "$browser" && answers "$browser" --version && return
    done
    return 1
}

has_python() { answers python3 -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'; }

# The Debian packages that are lacking for $1, one a line.
missing_packages() {
    compiles || printf '%s\n' gcc libc6-dev
    have make || echo make
    have pkg-config || echo pkg-config
    answers pkg-config --exists openssl || echo libssl-dev
    [ -e /etc/ssl/certs/ca-certificates.crt ] || echo ca-certificates
    [ "$1" = test ] || return 0
    has_postgresql || echo postgresql
    has_chromium || printf '%s\n' chromium chromium-driver
    has_python || printf '%s\n' python3 python3-venv
}

# --- installing -------------------------------------------------------------------------------------------------------

candidate() { LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: *//p' | grep -v '^(none)$' || true; }

# Says which of the packages this distribution cannot give; quiet and true when it can give all.
installable() {
    local package version able=0 snap=
    for package in "$@"; do
        version=$(candidate "$package")
        case "$package:$version" in
            chromium*: | chromium*:*snap*)
                able=1
                [ -z "$snap" ] || continue
                snap=told
                say "Chromium: this distribution has it as a snap only, which the tests cannot drive. Put a Chrome and its"
                say "  chromedriver of the same version on the PATH, as google-chrome and chromedriver:"
                say "  https://googlechromelabs.github.io/chrome-for-testing/" ;;
            postgresql:*)
                version=${version#*:}
                if [ "${version%%[!0-9]*}" -lt "$oldest_postgresql" ] 2>/dev/null; then
                    able=1
                    say "PostgreSQL: $oldest_postgresql or newer is needed and this distribution has ${version%%[!0-9]*}."
                    say "  https://wiki.postgresql.org/wiki/Apt says how to get a newer one."
                fi ;;
            python3:*)
                version=${version#*:}
                if [ "$(printf '%s\n' 3.11 "$version" | sort -V | head -n 1)" != 3.11 ]; then
                    able=1
                    say "Python: 3.11 or newer is needed and this distribution has ${version%%-*}."
                fi ;;
            *:)
                able=1
                say "$package: this distribution has no such package." ;;
        esac
    done
    return "$able"
}

no_server=/etc/postgresql-common/createcluster.d/chancery-setup.conf

# Installs the packages; $1 is the command that makes one root, or nothing. Debian's PostgreSQL would set up and start a
# server that nobody asked for: a setting forbids it while this runs.
install() {
    local root=$1 script
    shift
    script="export DEBIAN_FRONTEND=noninteractive; apt-get install -y --no-install-recommends $*"
    case " $* " in *" postgresql "*)
        script="trap 'rm -f $no_server' EXIT; mkdir -p ${no_server%/*}
            echo 'create_main_cluster = false' >$no_server; $script" ;;
    esac
    $root sh -c "$script" </dev/null >&2
}

update() { $1 apt-get update </dev/null >&2 || say "apt-get update failed in part; going on with the lists there are"; }

# Installs what is missing, or says what has to be done. False when something is left to do.
provide() {
    local missing root=sudo answer
    mapfile -t missing < <(missing_packages "$1")
    [ "${#missing[@]}" -gt 0 ] || return 0
    if ! have apt-get; then
        say "Needed, by their Debian names: ${missing[*]}"
        return 1
    fi
    if [ "$(id -u)" = 0 ]; then
        root=
        say "Installing: ${missing[*]}"
        update "$root"
    elif have sudo && [ -t 0 ] && [ -t 2 ]; then
        say "This machine lacks: ${missing[*]}"
        read -r -p "Run \`sudo apt-get update\` and \`sudo apt-get install --no-install-recommends ${missing[*]}\` now? [y/N] " answer
        case $answer in [yY]*) ;; *) return 1 ;; esac
        update "$root"
    else
        say "Needed: apt-get install --no-install-recommends ${missing[*]}"
        installable "${missing[@]}" || true
        return 1
    fi
    installable "${missing[@]}" || return 1
    install "$root" "${missing[@]}" || return 1
    mapfile -t missing < <(missing_packages "$1")
    [ "${#missing[@]}" -eq 0 ] || { say "Installed, and still not working: ${missing[*]}"; return 1; }
}

# --- Rust -------------------------------------------------------------------------------------------------------------

rust() {
    local wanted found missing=()
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    found=$(rustc --version 2>/dev/null </dev/null | cut -d ' ' -f 2) || true
    if [ -z "$found" ] || ! have cargo; then
        say "Rust $wanted or newer is needed. https://rustup.rs installs it, without root;"
        say "  or, where the distribution packages it: apt-get install rustup && rustup default stable"
        return 1
    fi
    if [ "$(printf '%s\n' "$wanted" "${found%%-*}" | sort -V | head -n 1)" != "$wanted" ]; then
        say "Rust $wanted or newer is needed; this is $found. With rustup: rustup update stable"
        return 1
    fi
    [ "$1" = test ] || return 0
    answers cargo fmt --version || missing+=(rustfmt)
    answers cargo clippy --version || missing+=(clippy)
    [ "${#missing[@]}" -eq 0 ] && return
    if ! have rustup; then
        say "Rust's ${missing[*]} needed, from where this Rust came from."
        return 1
    fi
    rustup component add "${missing[@]}" </dev/null >&2
}

case ${1:-} in
    demo | test) ;;
    *) say "usage: setup.sh demo|test"; exit 2 ;;
esac
status=0
provide "$1" || status=1
rust "$1" || status=1
exit "$status"
