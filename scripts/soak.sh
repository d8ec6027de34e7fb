#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs ntc under churn for long (tests/soak): flows, edits, time limits, reloads, viewers that come and go, scrapes,
# interfaces that are plugged in and out; with synthetic traffic and in the kernel. Memory and descriptors must stay flat.
# For a sixth of the time the same under AddressSanitizer and UndefinedBehaviorSanitizer, and under valgrind.
# A line a run, PASS or FAIL, with figures; the samples are in build-soak. Needs root or sudo.
#   --minutes N   (30)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

minutes=30
while [ $# -gt 0 ]; do
    case $1 in
    --minutes)
        minutes=$2
        shift
        ;;
    *)
        sed -n '3,7s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    esac
    shift
done

install_missing "${build_packages[@]}" "${test_packages[@]}" valgrind
root=()
[ "$(id -u)" -eq 0 ] || root=(sudo env "PATH=$PATH")
build_in build-test src/ntc -- -Dwerror=true
build_in build-asan src/ntc -- -Dwerror=true -Db_sanitize=address,undefined -Db_lundef=false
mkdir -p build-soak
export ASAN_OPTIONS=detect_leaks=1:quarantine_size_mb=4 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1

# soak NAME MINUTES OPTION...
soak() {
    local name=$1 log=build-soak/$1.log
    if "${root[@]}" env "ASAN_OPTIONS=$ASAN_OPTIONS" "UBSAN_OPTIONS=$UBSAN_OPTIONS" nice /usr/bin/python3 \
        tests/soak/soak.py --minutes "$2" --samples "build-soak/$name.csv" "${@:3}" >"$log" 2>&1; then
        echo "PASS soak/$name $(tail -n 1 "$log")"
    else
        sed 's/^/    /' "$log"
        echo "FAIL soak/$name"
        return 1
    fi
}

short=$(python3 -c "print(max($minutes / 6, min($minutes, 0.25)))")
soak mock "$minutes" --binary build-test/src/ntc --kind mock &
soak bpf "$minutes" --binary build-test/src/ntc --kind bpf &
soak mock-asan "$short" --binary build-asan/src/ntc --kind mock &
soak bpf-asan "$short" --binary build-asan/src/ntc --kind bpf &
soak mock-valgrind "$short" --binary build-test/src/ntc --kind mock --valgrind &
failed=0
for job in $(jobs -p); do
    wait "$job" || failed=1
done
exit "$failed"
