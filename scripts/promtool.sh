#!/usr/bin/env bash
# Runs Prometheus' promtool: `promtool.sh ARGUMENT…`. Where it is missing it is taken out of Debian's package (19 MB),
# which is not installed: that would start a Prometheus server on this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=${AEGIS_TOOLS_DIR:-$PWD/target/tools}

find_tool() {
    local candidate
    for candidate in "$(command -v promtool || true)" "$tools/promtool"; do
        [ -x "$candidate" ] || continue
        echo "$candidate"
        return
    done
}

# Into a folder of its own, and then to its place in one step: two may do it at once.
take_out() {
    local folder=$1
    (cd "$folder" && apt-get -qq -o APT::Sandbox::User=root download prometheus) &&
        dpkg-deb --extract "$folder"/prometheus_*.deb "$folder" &&
        mv "$folder/usr/bin/promtool" "$tools/promtool"
}

if [ -z "$(find_tool)" ]; then
    if ! command -v apt-get >/dev/null; then
        echo "apt-get is not here: install promtool, which is part of Prometheus, by hand, then run this again" >&2
        exit 1
    fi
    echo "promtool is missing; taking it out of Debian's package into $tools" >&2
    mkdir -p "$tools"
    folder=$(mktemp -d "$tools/promtool.XXXXXX")
    trap 'rm -rf "$folder"' EXIT
    # The lists may be absent (a fresh container), or so old that the files they name are gone.
    if ! take_out "$folder" 2>/dev/null; then
        if ! apt-get -qq update; then
            echo "the package lists could not be read: run 'apt-get update' as root, then run this again" >&2
            exit 1
        fi
        take_out "$folder"
    fi
    rm -rf "$folder"
    trap - EXIT
fi
exec "$(find_tool)" "$@"
