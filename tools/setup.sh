#!/usr/bin/env bash
# Makes .venv ready: Debian's packages where that is allowed, then the locked Python packages, then
# the local distributions, as path entries to this checkout (so there is one copy of the code).
#
# Run again at any time: when nothing changed it only compares a stamp. Writes to .venv alone.
# PYTHON=/path/to/python chooses the interpreter (3.11 or newer).
# Exit: 0 ready; 69 Python or its venv module is missing (the line to run is printed); else pip's.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly VENV=.venv READY=.venv/.ready
readonly LOCAL=(. plugins/contract plugins/directory plugins/check-clamd plugins/observer-lines
    plugins/common/http plugins/common/sandbox plugins/common/fitconnect plugins/common/mail
    plugins/fitconnect plugins/bundid plugins/muk plugins/postal)
# Neither a caller's module path nor a pip setting for user installs may reach into .venv.
unset PYTHONPATH PYTHONHOME
export PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1

say() { printf 'setup: %s\n' "$*" >&2; }

# What .venv was made of and where: its scripts hold absolute paths, so a moved checkout is made anew.
stamp() {
    pwd -P
    sha256sum tools/setup.sh debian-packages.txt requirements-dev.txt "${LOCAL[@]/%//pyproject.toml}"
}

absent_packages() {
    local package
    command -v dpkg-query >/dev/null || return 0 # not Debian: nothing to compare with
    sed -E '/^(#|$)/d' debian-packages.txt | while read -r package; do
        dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
            printf '%s\n' "$package"
    done
}

install_packages() { # as root or with sudo that asks no password; false where that is not so
    local right=()
    command -v apt-get >/dev/null || return 1
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || return 1
        right=(sudo -n)
    fi
    say "installing $*"
    local apt=("${right[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120)
    local output # shown only where something went wrong
    output=$("${apt[@]}" update 2>&1 </dev/null &&
        "${apt[@]}" install -y --no-install-recommends "$@" 2>&1 </dev/null) || {
        printf '%s\n' "$output" >&2
        return 1
    }
    # Tests start their own: a server that only they need is not to stay up on this machine.
    case " $* " in
        *" dovecot-imapd "*) "${right[@]}" systemctl disable --now dovecot >/dev/null 2>&1 || true ;;
    esac
}

debian() {
    local absent package
    mapfile -t absent < <(absent_packages)
    [ "${#absent[@]}" -gt 0 ] || return 0
    install_packages "${absent[@]}" && return 0
    for package in "${absent[@]}"; do # python3-venv: python() looks at what is really there
        [ "$package" = python3-venv ] || say "$package: not installed, what needs it is not checked"
    done
}

# Prints the first interpreter that can make a virtual environment. 3.11 first: the tests run on it.
python() {
    local candidate candidates=(python3.11 python3 /usr/bin/python3 python3.12 python3.13 python3.14)
    [ -z "${PYTHON:-}" ] || candidates=("$PYTHON")
    for candidate in "${candidates[@]}"; do
        "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
            continue
        command -v "$candidate"
        return
    done
    say "${PYTHON:+$PYTHON: }no Python 3.11 or newer with its venv module. Run this line, then try again:"
    say "    apt-get install python3-venv"
    exit 69
}

install() {
    local python
    python=$(python)
    say "$("$python" --version) ($python) -> $VENV, takes half a minute"
    rm -f "$READY"
    if [ "$(cat "$VENV/.root" 2>/dev/null)" != "$(pwd -P)" ] ||
        ! "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then
        "$python" -m venv --clear "$VENV"
        pwd -P >"$VENV/.root"
    fi
    # Wheels only: no package's own build code runs here, but for the local ones.
    "$VENV/bin/python" -m pip install --quiet --require-hashes --only-binary :all: -r requirements-dev.txt
    "$VENV/bin/python" -m pip install --quiet --no-deps --no-build-isolation "${LOCAL[@]/#/--editable=}"
    stamp >"$READY.new"
    mv "$READY.new" "$READY"
    say "ready"
}

main() {
    debian
    exec 9<. # one set-up at a time: the second one waits, then finds it done
    flock 9
    if [ ! -f "$READY" ] || [ "$(<"$READY")" != "$(stamp)" ]; then
        install
    fi
}

main "$@"
