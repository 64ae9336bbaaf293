#!/bin/sh
# Fuzzes each target for SECONDS (600 by default), one after the other, and stops at the first
# finding: `fuzz/run.sh [SECONDS [TARGET...]]`. Needs g++, and no toolchain but the stable one.
set -eu
cd "$(dirname "$0")"
seconds=${1:-600}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- sip sdp rtp telephone_event yaml journal

target=$(rustc -vV | sed -n 's/^host: //p')
build=../target/fuzz
RUSTFLAGS="--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module
    -Cllvm-args=-sanitizer-coverage-level=4
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
    -Cllvm-args=-sanitizer-coverage-pc-table
    -Cllvm-args=-sanitizer-coverage-trace-compares" \
    cargo build --target "$target" --target-dir "$build" --bins

for name in "$@"; do
    corpus=$build/corpus/$name
    mkdir -p "$corpus"
    seeds=
    case $name in
        yaml) seeds=../dialplans ;;
        sip) [ -z "${ZEROLINE_ASSETS:-}" ] || seeds="$ZEROLINE_ASSETS/torture/rfc4475 $ZEROLINE_ASSETS/torture/rfc5118" ;;
    esac
    echo "$name: $seconds s"
    # shellcheck disable=SC2086
    "$build/$target/debug/$name" -max_total_time="$seconds" -max_len=4096 -timeout=10 \
        -print_final_stats=1 -artifact_prefix="$build/" "$corpus" $seeds
done
