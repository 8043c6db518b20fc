#!/usr/bin/env bash
# Installs Debian packages by name: `apt-install.sh PACKAGE…`. Reads the package lists first where they are absent.
set -euo pipefail

if ! command -v apt-get >/dev/null; then
    echo "apt-get is not here: install the counterpart of Debian's '$*' by hand, then run this again" >&2
    exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "root is needed, and sudo is not here: run 'apt-get install $*' as root, then run this again" >&2
        exit 1
    fi
    as_root=(sudo)
fi

apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

# The lists may be absent (a fresh container), or so old that the files they name are gone.
apt-cache show "$@" >/dev/null 2>&1 || apt update
if ! apt install --no-install-recommends -y "$@"; then
    apt update
    apt install --no-install-recommends -y "$@"
fi
