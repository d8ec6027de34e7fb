#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The stage of the tests after scripts/test.sh, whose builds it uses: static analysis, the datapath against tshark,
# fuzzing for some seconds, faults, floods, and half a minute of what scripts/soak.sh does for longer. Installs what is
# missing. A line a test; the last says how many. Needs root or sudo.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

install_missing "${build_packages[@]}" "${test_packages[@]}" clang-tidy-14 cppcheck libclang-rt-16-dev python3-scapy tshark
root=()
[ "$(id -u)" -eq 0 ] || root=(sudo env "PATH=$PATH")

# The first stage has them; alone, this one makes them.
build() {
    build_in build-test all tests/bpf/differential tests/bench/flood -- -Dwerror=true &&
        build_in build-install all -- -Dwerror=true -Dtests=false --prefix=/usr --sysconfdir=/etc && echo "PASS build/hard"
}

# hard FOLDER BUILD: its tests that are marked as hard.
hard() {
    "${root[@]}" env NTC_BINARY="$2/src/ntc" /usr/bin/python3 tests/system/run.py --name "$1-hard" \
        --folder "tests/$1" --hard
}

tally build
tally scripts/static.sh
tally "${root[@]}" /usr/bin/python3 tests/bpf/differential.py build-test/tests/bpf/differential
tally hard booted build-install
tally hard system build-test
tally scripts/soak.sh --minutes 0.5
tally scripts/fuzz.sh --seconds 20
echo "ntc: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
