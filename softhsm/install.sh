#!/usr/bin/env bash
# Installs SoftHSM 2, the token for development and tests, where it is missing. Safe to run again.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

# Prints where the library is; fails if it is nowhere.
find_library() {
    local path
    for path in /usr/lib/softhsm /usr/lib/*/softhsm /usr/lib64/softhsm /usr/lib64/pkcs11 \
        /usr/local/lib/softhsm /opt/homebrew/lib/softhsm; do
        [ -e "$path/libsofthsm2.so" ] || continue
        echo "$path/libsofthsm2.so"
        return
    done
    return 1
}

if library=$(find_library); then
    echo "SoftHSM is here: $library"
    exit
fi

echo "SoftHSM is missing; installing the package softhsm2"
"$here/../scripts/apt-install.sh" softhsm2
if ! library=$(find_library); then
    echo "softhsm2 is installed, but libsofthsm2.so is in none of the usual folders" >&2
    exit 1
fi
echo "SoftHSM is here: $library"
