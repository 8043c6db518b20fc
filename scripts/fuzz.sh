#!/usr/bin/env bash
# Fuzzes each target (or those named as arguments) for FUZZ_SECONDS (60) with libFuzzer, and says what came of it.
#
# Works with stable Rust alone: the flags below are all that `cargo fuzz` would add without a sanitizer. libFuzzer
# itself is C++ and is built with it. Seeds are in fuzz/seeds/; what grows from them stays in target/fuzz/.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${FUZZ_SECONDS:-60}
home=${CARGO_TARGET_DIR:-target}/fuzz
host=$(rustc --print host-tuple)
[ $# -gt 0 ] || set -- blob certificate events export json tools bodies

# An fsync costs nothing there, and the audit log of a minute takes some tens of megabytes.
scratch=$(mktemp -d -p "$(test -w /dev/shm && echo /dev/shm || echo "${TMPDIR:-/tmp}")" aegis-fuzz.XXXXXX)
trap 'rm -rf "$scratch"' EXIT

build() {
    local flags=(-Cpasses=sancov-module)
    local coverage
    for coverage in level=4 inline-8bit-counters pc-table trace-compares; do
        flags+=("-Cllvm-args=-sanitizer-coverage-$coverage")
    done
    # With a target named, cargo leaves build scripts and macros without these flags.
    RUSTFLAGS="${flags[*]}" cargo build --quiet --locked --release --manifest-path fuzz/Cargo.toml \
        --target "$host" --target-dir "$home"
}

# Runs one target; its log is kept beside the corpus.
fuzz() {
    local target=$1 binary=$home/$host/release/$1 log=$home/$1.log
    mkdir -p "$home/corpus/$target" "$home/artifacts/$target"
    if TMPDIR=$scratch "$binary" "$home/corpus/$target" "fuzz/seeds/$target" -dict=fuzz/words.dict \
        -max_total_time="$seconds" -timeout=20 -print_final_stats=1 \
        -artifact_prefix="$home/artifacts/$target/" >"$log" 2>&1; then
        summary "$target" "$log"
        return
    fi
    grep -A 12 -m 1 -E 'panicked at|ERROR: libFuzzer' "$log" || tail -n 40 "$log"
    echo "$target: FAILED; the whole log is in $log"
    sed -n "s|^.*Test unit written to \(.*\)|  again: $binary \1\n  when mended: cp \1 fuzz/seeds/$target/|p" "$log"
    return 1
}

# libFuzzer says at the start and at the end: `#35 INITED cov: 15312 ft: 19327 corp: 33/2809b …`.
summary() {
    local figures='.* cov: \([0-9]*\) ft: \([0-9]*\) corp: \([0-9]*\)/\([^ ]*\) .*'
    local from done_line executions rate
    from=$(sed -n "s|.*INITED$figures|\1|p" "$2")
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$2")
    rate=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$2")
    done_line=$(sed -n "s|.*DONE$figures|coverage $from -> \1 edges, \2 features; corpus \3 inputs, \4|p" "$2")
    echo "$1: $executions executions, $rate/s; $done_line"
}

command -v c++ >/dev/null || scripts/apt-install.sh g++
build
failed=0
for target in "$@"; do
    fuzz "$target" || failed=1
done
exit "$failed"
