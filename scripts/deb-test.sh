#!/usr/bin/env bash
# Installs the package into a fresh Debian that systemd boots in a container, and does there what README.Debian says:
# `deb-test.sh [SUITE…]`, by default bookworm (12) and trixie (13). The steps are in deb-test/. As root: it makes
# namespaces and control groups.
#
# All of the unit is in force there, but what the host does not give away: MemoryMax=, MemorySwapMax= and TasksMax= bound
# nothing without the controllers of the unified control groups, and LimitMEMLOCK= and OOMScoreAdjust= stay the host's
# without CAP_SYS_RESOURCE. The story prints what was reached.
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- bookworm trixie
if [ "$(id -u)" -ne 0 ]; then
    echo "root is needed, to boot a container: run this again as root" >&2
    exit 1
fi

missing=()
for tool in mmdebstrap:mmdebstrap systemd-nspawn:systemd-container lintian:lintian; do
    command -v "${tool%:*}" >/dev/null || missing+=("${tool#*:}")
done
[ ${#missing[@]} -eq 0 ] || scripts/apt-install.sh "${missing[@]}"

tools=${AEGIS_TOOLS_DIR:-$PWD/target/tools}
mkdir -p "$tools"
home=$(mktemp -d)
machine=aegis-deb-$$
groups=()
nspawn=

stop() {
    if [ -n "$nspawn" ] && kill -0 "$nspawn" 2>/dev/null; then
        inside systemctl poweroff >/dev/null 2>&1 || kill "$nspawn"
        wait "$nspawn" 2>/dev/null || true
    fi
    nspawn=
}

cleanup() {
    stop
    local group
    for group in "${groups[@]}"; do
        find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null || true
    done
    rmdir "/run/systemd/nspawn/propagate/$machine" 2>/dev/null || true
    rm -rf --one-file-system "$home"
}
trap cleanup EXIT

# `debian SUITE`: what a small server has, and the tools of the test.
debian() {
    local suite=$1 base=$tools/debian-$1.tar
    if [ ! -e "$base" ]; then
        echo "fetching Debian $suite into $base" >&2
        mmdebstrap --quiet --variant=minbase --format=tar \
            --include=systemd-sysv,dbus,softhsm2,age,curl,iproute2,jq,openssl,python3 "$suite" "$base.part"
        mv "$base.part" "$base"
    fi
    rm -rf --one-file-system "$home/root"
    mkdir "$home/root"
    tar --extract --numeric-owner --directory "$home/root" --file "$base"
}

# Control groups of our own, below which the container makes its.
own_groups() {
    local hierarchy
    for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/systemd /sys/fs/cgroup/unified; do
        [ -e "$hierarchy/cgroup.procs" ] || continue
        mkdir "$hierarchy/$machine"
        groups+=("$hierarchy/$machine")
    done
    if [ ${#groups[@]} -eq 0 ]; then
        echo "no control groups are mounted at /sys/fs/cgroup, and systemd does not boot without: mount them" >&2
        exit 1
    fi
}

# systemd as process 1, as on a server: no network but loopback; what the unit asks of the kernel may be asked.
boot() {
    (
        for group in "${groups[@]}"; do
            echo "$BASHPID" >"$group/cgroup.procs"
        done
        exec env UNIFIED_CGROUP_HIERARCHY=1 systemd-nspawn --quiet --boot --register=no --keep-unit --private-network \
            --machine="$machine" --directory="$home/root" --console=pipe --rlimit=MEMLOCK=infinity \
            --capability=CAP_BPF,CAP_IPC_LOCK,CAP_NET_ADMIN,CAP_SYS_RESOURCE \
            --system-call-filter='bpf @keyring @memlock' </dev/null >"$home/console" 2>&1
    ) &
    nspawn=$!
    local state=
    for _ in $(seq 300); do
        state=$(inside systemctl is-system-running 2>/dev/null || true)
        case $state in running | degraded) return ;; esac
        kill -0 "$nspawn" 2>/dev/null || break
        sleep 0.2
    done
    tail -n 40 "$home/console" >&2
    echo "Debian did not boot: '$state'" >&2
    exit 1
}

# Runs a command in the container, as root.
inside() {
    local init
    init=$(pgrep --parent "$nspawn" --exact systemd) || return
    nsenter --target "$init" --all --root --wd -- env -i \
        PATH=/srv/deb-test/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive "$@"
}

# cargo-deb keeps one package in its folder, so each is taken away at once, and the real one is made last.
made() {
    local package
    package=$(scripts/deb.sh "$@")
    cp "$package" "$home/"
    echo "$home/$(basename "$package")"
}

version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
newer=$(made "$version-2")
package=$(made)
mv "$package" "$home/first.deb"
[ "$(made)" = "$package" ]
cmp "$home/first.deb" "$package" || { echo "the same source made another package" >&2; exit 1; }
echo "$(basename "$package"): $(stat -c %s "$package") bytes, the same when it is made again"

# The one tag is for packages that come into Debian.
lintian --suppress-tags initial-upload-closes-no-bugs --no-cfg --allow-root --fail-on error,warning "$package"

own_groups
for suite; do
    printf '\n==== Debian %s\n' "$suite"
    debian "$suite"
    place=$home/root/srv/deb-test
    mkdir -p "$place"
    cp "$package" "$newer" "$place/"
    cp -r scripts/deb-test/. "$place/"
    echo 'Dpkg::Use-Pty "0"; quiet "1";' >"$home/root/etc/apt/apt.conf.d/90deb-test"
    boot
    inside bash /srv/deb-test/story.sh "$(basename "$package")" "$(basename "$newer")"
    stop
done
