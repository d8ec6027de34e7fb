#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The stage of the tests after scripts/test.sh, whose builds it uses: static analysis, the datapath against tshark,
# fuzzing for some seconds. Installs what is missing. A line a test; the last says how many. Needs root or sudo.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

install_missing "${build_packages[@]}" "${test_packages[@]}" clang-tidy-14 cppcheck libclang-rt-16-dev python3-scapy tshark
root=()
[ "$(id -u)" -eq 0 ] || root=(sudo env "PATH=$PATH")

# The first stage has it; alone, this one makes it.
build() {
    build_in build-test all tests/bpf/differential -- -Dwerror=true && echo "PASS build/differential"
}

tally build
tally scripts/static.sh
tally "${root[@]}" /usr/bin/python3 tests/bpf/differential.py build-test/tests/bpf/differential
tally scripts/fuzz.sh --seconds 20
echo "ntc: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
