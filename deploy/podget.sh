#!/bin/sh
# Prints where podget is, a podcast program of Debian's that the tests fetch a private feed with.
#
# In this order: $PODGET, one on the path, Debian's package (as root only).
set -eu

main() {
    if [ -n "${PODGET:-}" ] && [ -x "$PODGET" ]; then echo "$PODGET"; return; fi
    if command -v podget; then return; fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "No podget here. Running: apt-get update && apt-get install -y --no-install-recommends podget"
        export DEBIAN_FRONTEND=noninteractive
        if apt-get update -q >&2 && apt-get install -q -y --no-install-recommends podget >&2 &&
            command -v podget; then return; fi
    fi
    stop "One test fetches a private feed with podget. On Debian and Ubuntu: sudo apt install podget" \
        "Elsewhere (it is one script, and wants bash and wget): PODGET=/path/to/podget make test"
}

say() {
    echo "podget: $*" >&2
}

stop() {
    printf '%s\n' "$@" >&2
    exit 1
}

main
