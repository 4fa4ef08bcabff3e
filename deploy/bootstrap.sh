#!/bin/sh
# Makes .venv and installs exactly what a lock file names. Does nothing when that is already so.
#
#   sh deploy/bootstrap.sh          what `make run` needs
#   sh deploy/bootstrap.sh test     also what checks and tests need
#
# PYTHON=/path/to/python3.12 chooses the interpreter. UV_* and PIP_* settings (a mirror, a cache) are left to work.
set -eu
cd "$(dirname "$0")/.."

level=${1:-run}
uv_version=0.13.9
stamp=.venv/.installed

main() {
    # Once there, the tools for tests stay: `make run` after `make test` must not take them out again.
    if [ -e .venv/.with-tests ]; then level=test; fi
    case $level in
        run) lock=deploy/requirements.lock requirements=requirements.txt ;;
        test) lock=deploy/requirements-test.lock requirements=tests/requirements.txt ;;
        *) stop "deploy/bootstrap.sh knows 'run' and 'test', not '$level'." ;;
    esac
    if is_ready; then return; fi

    make_venv
    say "Installing what $lock names (once; later starts skip this)"
    install
    if [ "$level" = test ]; then : > .venv/.with-tests; fi
    wanted > "$stamp"
}

is_ready() {
    [ -x .venv/bin/python ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(wanted)" ] && .venv/bin/python -c ''
}

# The stamp holds where and what was installed: this folder, the lock, the lists it was made from. A change installs again.
wanted() {
    pwd
    cksum "$lock" requirements.txt "$requirements"
}

make_venv() {
    # A .venv that was moved (its programs name the old place) or whose Python is gone can only be made again.
    if [ -e .venv ] && { was_moved || ! .venv/bin/python -m pip --version >/dev/null 2>&1; }; then
        say "The .venv here does not work any more; making it again"
        rm -rf .venv
    fi
    if [ -e .venv ]; then return; fi
    python=$(find_python)
    say "Making .venv with $("$python" --version) ($python)"
    if ! "$python" -m venv .venv; then
        rm -rf .venv
        stop "Python could not make a virtual environment. On Debian and Ubuntu this mends it:" \
            "    sudo apt install python3-venv"
    fi
}

was_moved() {
    [ -f "$stamp" ] && [ "$(head -n 1 "$stamp")" != "$(pwd)" ]
}

find_python() {
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14 python}; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    found=$("${PYTHON:-python3}" --version 2>/dev/null) || found="not there"
    stop "Python 3.11 or newer is needed, and ${PYTHON:-python3} is $found." \
        "On Debian and Ubuntu: sudo apt install python3 python3-venv" \
        "If you have one elsewhere: PYTHON=/path/to/python3.12 make run"
}

install() {
    trust_what_the_machine_trusts
    if ! .venv/bin/uv --version 2>/dev/null | grep -q "^uv $uv_version"; then
        .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$uv_version" ||
            say "uv could not be installed, going on with pip (slower)"
    fi
    if [ -x .venv/bin/uv ]; then
        VIRTUAL_ENV=$PWD/.venv .venv/bin/uv pip sync --quiet --require-hashes "$lock"
    else
        .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
    fi
}

# Company networks often re-sign TLS with an authority that only the system's own store knows.
trust_what_the_machine_trusts() {
    for bundle in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
        if [ -r "$bundle" ]; then
            export UV_SYSTEM_CERTS="${UV_SYSTEM_CERTS-1}"
            if ! .venv/bin/python -m pip config list 2>/dev/null | grep -q '\.cert='; then export PIP_CERT="$bundle"; fi
            return
        fi
    done
}

say() {
    echo "bootstrap: $*" >&2
}

stop() {
    printf '%s\n' "$@" >&2
    exit 1
}

main
