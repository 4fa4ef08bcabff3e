#!/bin/sh
# Writes the two lock files from the two requirements files: every package, every version, every hash.
#
#   sh deploy/lock.sh               pins stay as they are unless a requirements file asks for something else
#   UPGRADE=1 sh deploy/lock.sh     indirect packages move to their newest fitting version
#
# The sum in each lock's first lines lets tests/test_lock.py see, without a network, that a list was edited and not locked.
set -eu
cd "$(dirname "$0")/.."

lock() {
    requirements=$1 lock=$2
    shift 2
    .venv/bin/uv pip compile --quiet ${UPGRADE:+--upgrade} --universal --python-version 3.11 --generate-hashes \
        --no-header --no-emit-index-url --no-emit-find-links "$@" "$requirements" --output-file "$lock" >/dev/null
    {
        echo "# Written by \`make lock\`; edit requirements.txt or tests/requirements.txt instead."
        sha256sum requirements.txt "$requirements" | sort -u | sed 's/^/# sha256 /'
        cat "$lock"
    } > "$lock.new"
    mv "$lock.new" "$lock"
    echo "$lock: $(grep -c '^[a-z0-9]' "$lock") packages"
}

lock requirements.txt deploy/requirements.lock
# Tests run on the very versions the program runs on.
lock tests/requirements.txt deploy/requirements-test.lock --constraint deploy/requirements.lock
