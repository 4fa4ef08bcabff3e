#!/bin/sh
# Prints where a Chromium is that the browser suite can drive; everything else it says goes to standard error.
#
# In this order: $CHROMIUM, one on the path, Debian's package (as root only), Playwright's own download.
set -eu
cd "$(dirname "$0")/.."

main() {
    if [ -n "${CHROMIUM:-}" ]; then
        if [ -x "$CHROMIUM" ]; then echo "$CHROMIUM"; return; fi
        stop "CHROMIUM is set to $CHROMIUM, and that cannot be run."
    fi
    if on_the_path; then return; fi

    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "No Chromium here. Running: apt-get update && apt-get install -y --no-install-recommends chromium fonts-liberation"
        export DEBIAN_FRONTEND=noninteractive
        if apt-get update -q >&2 && apt-get install -q -y --no-install-recommends chromium fonts-liberation >&2 &&
            on_the_path; then return; fi
        say "apt-get could not install it."
    fi

    say "Trying Playwright's own Chromium: .venv/bin/playwright install chromium"
    if .venv/bin/playwright install chromium >&2 && playwrights_own; then return; fi
    stop "The browser suite needs Chromium. On Debian and Ubuntu: sudo apt install chromium" \
        "Elsewhere: CHROMIUM=/path/to/chromium make test, or SKIP_BROWSER=1 make test to leave that suite out."
}

on_the_path() {
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        # A path entry alone is not enough: Ubuntu's chromium-browser may only ask for a snap.
        if "$name" --version >/dev/null 2>&1; then
            command -v "$name"
            return
        fi
    done
    return 1
}

playwrights_own() {
    .venv/bin/python - <<'PY'
import os, sys
from playwright.sync_api import sync_playwright

with sync_playwright() as playwright:
    path = playwright.chromium.executable_path
if not os.access(path, os.X_OK):
    sys.exit(1)
print(path)
PY
}

say() {
    echo "chromium: $*" >&2
}

stop() {
    printf '%s\n' "$@" >&2
    exit 1
}

main
