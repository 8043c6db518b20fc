#!/usr/bin/env bash
# Builds the Debian package and prints where it is: `deb.sh [VERSION]`. With VERSION, such as 0.2.0-1, the package says
# that it is this one. The same source in the same folder, by the same toolchain, makes the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
command -v dpkg-shlibdeps >/dev/null || missing+=(dpkg-dev)
command -v help2man >/dev/null || missing+=(help2man)
[ ${#missing[@]} -eq 0 ] || scripts/apt-install.sh "${missing[@]}" >&2
tool=$(scripts/cargo-tool.sh deb 3.8.0)

# Dates in the package: that of the commit, outside git that of the newest change.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)}
export SOURCE_DATE_EPOCH
export LC_ALL=C.UTF-8

cargo build --release --locked --quiet
name=aegis-custodian
version=${1:-$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)-1}
maintainer=$(sed -n 's/^maintainer = "\(.*\)"/\1/p' Cargo.toml)
made=target/deb
mkdir -p "$made"

help2man --no-info --section=1 --name='HSM-first key custodian' --include=debian/custodian.h2m \
    "${CARGO_TARGET_DIR:-target}/release/custodian" >"$made/custodian.1"

cat >"$made/changelog" <<END
$name ($version) unstable; urgency=medium

  * What changed is in /usr/share/doc/$name/changelog.gz.

 -- $maintainer  $(date --utc --date="@$SOURCE_DATE_EPOCH" '+%a, %d %b %Y %H:%M:%S +0000')
END

{
    echo "The crates in /usr/bin/custodian, each with its licence."
    echo
    cargo tree --locked --edges normal --prefix none --format '{p} {l}' |
        sed -E "/^$name /d; s/ \(proc-macro\)//; s/ \(\*\)$//" | sort -u
} >"$made/crates.txt"

"$tool" deb --locked --no-build --quiet --deb-version "$version"
