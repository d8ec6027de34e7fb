#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what is missing, builds with warnings as errors, runs every test.
#   --no-kernel   for machines without eBPF: says what was not tested
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

kernel=1
for argument in "$@"; do
    case $argument in
    --no-kernel) kernel=0 ;;
    *) echo "usage: scripts/test.sh [--no-kernel]" >&2; exit 2 ;;
    esac
done

passed=0 failed=0
check() { # name, command...
    local name=$1
    shift
    if "$@"; then passed=$((passed + 1)); echo "PASS $name"; else failed=$((failed + 1)); echo "FAIL $name"; fi
}

install_missing
[ -d build ] || meson setup build -Dwerror=true >/dev/null
# shellcheck disable=SC2046
check format clang-format --dry-run --Werror $(git ls-files '*.c' '*.h')
check shellcheck shellcheck -x scripts/*.sh .ci/run
check "build" ninja --quiet -C build all src/datapath/libntc-bpf.a tests/bpf/test-verdict tests/unit/test-packet tests/unit/test-address
check "unit: address" build/tests/unit/test-address
check "unit: packet" build/tests/unit/test-packet
if [ "$kernel" -eq 1 ]; then
    check "bpf: verdicts" build/tests/bpf/test-verdict tests/unit/test-packet tests/unit/test-address
check "unit: address" build/tests/unit/test-address
check "unit: packet" build/tests/unit/test-packet
fi
echo "ntc: $passed passed, $failed failed"
[ "$kernel" -eq 1 ] || echo "not tested (--no-kernel): the eBPF program"
[ "$failed" -eq 0 ]
