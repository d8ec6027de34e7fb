#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# All floods at once at full rate, with scrapers and a user who edits the lists (tests/system/test_floods.py). Prints the
# figures; fails where a bound of docs/reliability.md does not hold. Wants the machine for itself. Needs root or sudo.
#   --seconds N   (60)
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

install_missing "${build_packages[@]}" "${test_packages[@]}"
root=()
[ "$(id -u)" -eq 0 ] || root=(sudo env "PATH=$PATH")
build_in build-test src/ntc tests/bench/flood -- -Dwerror=true
exec "${root[@]}" env NTC_BINARY="$PWD/build-test/src/ntc" /usr/bin/python3 tests/system/test_floods.py "$@"
