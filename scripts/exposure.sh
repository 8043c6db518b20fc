#!/usr/bin/env bash
# Has systemd judge how exposed the service is, alone and with each drop-in (0 is shut, 10 is open), prints the figures,
# and fails above 1.0 for a token on this machine, above 1.3 for one on the network. Also: systemd understands each line.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v systemd-analyze >/dev/null || scripts/apt-install.sh systemd

home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
unit=aegis-custodian.service
failed=0

# A root folder with the unit and drop-ins: `tree DROP-IN…` prints where.
tree() {
    local root
    root=$(mktemp -d "$home/XXXXXX")
    install -D -m 0644 "systemd/$unit" "$root/usr/lib/systemd/system/$unit"
    install -D -m 0755 /bin/true "$root/usr/bin/custodian"
    install -D -m 0755 /bin/true "$root/bin/sh"
    local drop_in
    for drop_in in "$@"; do
        install -D -m 0644 "systemd/$drop_in.conf" "$root/etc/systemd/system/$unit.d/$drop_in.conf"
    done
    echo "$root"
}

# `judge MOST DROP-IN…`: MOST in tenths, as systemd-analyze has it.
judge() {
    local most=$1 root said verdict
    shift
    root=$(tree "$@")
    if said=$(systemd-analyze security --offline=true --no-pager --threshold="$most" --root="$root" "$unit" 2>&1); then
        verdict=fine
    else
        verdict="ABOVE"
        failed=1
    fi
    printf '%-36s %s (at most %s.%s: %s)\n' "${*:-alone}" \
        "$(sed -nE 's/^→ .*: ([0-9.]+) .*/\1/p' <<<"$said")" $((most / 10)) $((most % 10)) "$verdict"
    [ "$verdict" = fine ] || grep -v '✓' <<<"$said"
}

# A line that systemd does not understand is a warning to it, and a hole to us. (No other unit is in the tree.)
understood() {
    local root said
    root=$(tree network-hsm usb-hsm softhsm)
    said=$(systemd-analyze verify --man=no --root="$root" "$unit" 2>&1 | grep -v "Unit .*\.target not found" || true)
    [ -z "$said" ] || { echo "systemd does not understand: $said"; failed=1; }
}

judge 10
judge 10 softhsm
judge 10 usb-hsm
judge 13 network-hsm
judge 13 network-hsm usb-hsm
understood
exit "$failed"
