#!/usr/bin/env bash
# Writes requirements.txt (what runs, and what builds it) and requirements-dev.txt (all) anew from
# the pyproject.toml files: newest versions that are at least seven days old, with hashes, no address.
# Newest means newest: the old pins are not looked at. Read the difference before it is committed.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
.venv/bin/python -m venv "$place/venv"
"$place/venv/bin/python" -m pip install --quiet 'uv>=0.9,<1'

compile() { # GROUP FILE [OPTION...]
    local group=$1 file=$2
    shift 2
    # --universal: one lock for each Python from 3.11 on and each processor.
    "$place/venv/bin/uv" pip compile --quiet --universal --python-version 3.11 \
        --exclude-newer "$(date -u -d '7 days ago' +%F)" --generate-hashes \
        --no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock' \
        --no-emit-package postfach-mailbox --no-emit-package postfach-mailbox-directory \
        --no-emit-package postfach-http --no-emit-package postfach-sandbox --no-emit-package postfach-fitconnect --no-emit-package postfach-mail \
        --group "$group" "$@" --output-file "$place/$file" \
        pyproject.toml plugins/contract/pyproject.toml plugins/directory/pyproject.toml \
        plugins/check-clamd/pyproject.toml plugins/observer-lines/pyproject.toml \
        plugins/common/http/pyproject.toml plugins/common/sandbox/pyproject.toml plugins/common/fitconnect/pyproject.toml plugins/common/mail/pyproject.toml \
        plugins/fitconnect/pyproject.toml plugins/bundid/pyproject.toml \
        plugins/muk/pyproject.toml plugins/postal/pyproject.toml >/dev/null
}

compile build requirements.txt
cp "$place/requirements.txt" requirements.txt
compile dev requirements-dev.txt --constraint requirements.txt
cp "$place/requirements-dev.txt" requirements-dev.txt
