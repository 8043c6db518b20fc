#!/usr/bin/env bash
# Opens /docs in a real browser that can reach no other host, and asserts that the viewer shows the operations.
# Installs Chromium where it is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
if [ -z "$browser" ]; then
    scripts/apt-install.sh chromium
    browser=$(command -v chromium)
fi
cargo build --locked --quiet

home=$(mktemp -d)
service=
cleanup() {
    [ -z "$service" ] || kill "$service" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$home"
}
trap cleanup EXIT

"${CARGO_TARGET_DIR:-target}/debug/custodian" dev --kek software --listen 127.0.0.1:0 \
    --data-dir "$home/data" >"$home/said" 2>"$home/log" &
service=$!
for _ in $(seq 100); do
    url=$(sed -n 's/^listening on //p' "$home/said")
    [ -z "$url" ] || break
    sleep 0.1
done
if [ -z "$url" ]; then
    cat "$home/log" >&2
    exit 1
fi

timeout 120 "$browser" --headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking \
    --disable-component-update --disable-sync --user-data-dir="$home/profile" \
    --host-resolver-rules="MAP * ~NOTFOUND, EXCLUDE 127.0.0.1" \
    --virtual-time-budget=8000 --dump-dom "$url/docs" >"$home/dom.html" 2>"$home/browser.log" ||
    { tail -n 20 "$home/browser.log" >&2; exit 1; }

python3 scripts/docs_dom.py "$home/dom.html" "$url"
