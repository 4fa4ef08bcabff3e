#!/bin/sh
# Fetches every vendored front-end file again, from the exact npm versions written here, and rewrites the
# checksums in static/vendor/VENDORED.md. Needs node and npm; running the portal or its tests needs neither.
set -eu

HTMX=4.0.1
LUCIDE=1.62.0
AXE=4.14.1
NEWSREADER=5.3.0
PUBLIC_SANS=5.3.0
TOOLBAR=2.2.3
ICONS="app-window arrow-left arrow-right bell bold calendar check chevron-down circle-alert circle-check copy credit-card download
external-link eye file-text flag heading headphones history house info italic link list list-ordered lock log-out mail
message-square messages-square mic pause pencil pin play plus quote reply rotate-ccw rotate-cw search settings shield
sun-moon triangle-alert undo-2 upload user users x"

here=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fetch() { # package version -> prints the folder it was unpacked to
    mkdir -p "$work/$1"
    (cd "$work/$1" && npm pack --silent "$1@$2" >/dev/null && tar -xzf ./*.tgz)
    echo "$work/$1/package"
}

htmx=$(fetch htmx.org $HTMX)
axe=$(fetch axe-core $AXE)
lucide=$(fetch lucide-static $LUCIDE)
serif=$(fetch @fontsource/newsreader $NEWSREADER)
sans=$(fetch @fontsource-variable/public-sans $PUBLIC_SANS)
toolbar=$(fetch @github/markdown-toolbar-element $TOOLBAR)

cp "$htmx/dist/htmx.min.js" "$here/static/vendor/htmx-$HTMX.min.js"
cp "$toolbar/dist/index.js" "$here/static/vendor/markdown-toolbar-element-$TOOLBAR.js"
cp "$axe/axe.min.js" "$here/tests/browser/vendor/axe-$AXE.min.js"
cp "$serif/files/newsreader-latin-500-normal.woff2" "$here/static/fonts/newsreader-latin-500.woff2"
cp "$sans/files/public-sans-latin-wght-normal.woff2" "$here/static/fonts/public-sans-latin-variable.woff2"

# Their licences ask to travel with them.
cp "$serif/LICENSE" "$here/static/fonts/newsreader-LICENSE.txt"
cp "$sans/LICENSE" "$here/static/fonts/public-sans-LICENSE.txt"
cp "$toolbar/LICENSE" "$here/static/vendor/markdown-toolbar-element-LICENSE.txt"
cp "$lucide/LICENSE" "$here/static/img/icons-LICENSE.txt"

# One sprite: each icon becomes a <symbol>; its strokes take the colour of the text around it.
sprite="$here/static/img/icons.svg"
{
    printf '<svg xmlns="http://www.w3.org/2000/svg"><!-- Lucide %s, ISC licence, https://lucide.dev -->\n' "$LUCIDE"
    for icon in $ICONS; do
        printf '<symbol id="%s" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.75" stroke-linecap="round" stroke-linejoin="round">' "$icon"
        sed -e '/^<!--/d' -e '/^<svg/,/>$/d' -e '/^<\/svg>/d' -e 's/^ *//' "$lucide/icons/$icon.svg" | tr -d '\n'
        printf '</symbol>\n'
    done
    printf '</svg>\n'
} >"$sprite"

row() { # file source version licence
    printf '| `%s` | %s | %s | %s | `%s` |\n' "$1" "$2" "$3" "$4" "$(sha256sum "$here/$1" | cut -d' ' -f1)"
}
{
    cat <<'HEAD'
# What was made elsewhere

Files that came from other people, unmodified except where the row says otherwise. `make vendor` (deploy/vendor.sh)
fetches them again and rewrites this table; `tests/test_vendored.py` compares the sums.

| file | source (npm) | version | licence | sha256 |
|---|---|---|---|---|
HEAD
    row "static/vendor/htmx-$HTMX.min.js" "htmx.org, dist/htmx.min.js" $HTMX 0BSD
    row "static/vendor/markdown-toolbar-element-$TOOLBAR.js" "@github/markdown-toolbar-element, dist/index.js" $TOOLBAR MIT
    row "static/fonts/newsreader-latin-500.woff2" "@fontsource/newsreader" $NEWSREADER OFL-1.1
    row "static/fonts/public-sans-latin-variable.woff2" "@fontsource-variable/public-sans" $PUBLIC_SANS OFL-1.1
    row "static/img/icons.svg" "lucide-static, chosen icons joined into one sprite by deploy/vendor.sh" $LUCIDE ISC
    row "tests/browser/vendor/axe-$AXE.min.js" "axe-core, axe.min.js (tests only, never served)" $AXE MPL-2.0
} >"$here/static/vendor/VENDORED.md"
