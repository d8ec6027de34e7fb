#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The second stage of the tests: the Debian package, built for this machine and for arm64, on a minimal Debian
# that systemd-nspawn boots; and scripts/deploy.sh, with such a machine as the Pi. Installs what is missing.
# A line a test; the last says how many. Needs root or sudo, and what it fetches stays below build-package/.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

# package ARCH
package() {
    local begin=$SECONDS
    if scripts/package.sh "$@"; then
        echo "PASS package/build-${1:-native} $((SECONDS - begin)) s"
    else
        echo "FAIL package/build-${1:-native}"
        return 1
    fi
}

# Warnings are shown, errors fail.
check_package() {
    if lintian --allow-root --fail-on error build-package/"$1"/*.changes; then
        echo "PASS package/lintian-$1"
    else
        echo "FAIL package/lintian-$1"
        return 1
    fi
}

install_missing "${build_packages[@]}" "${test_packages[@]}" "${package_packages[@]}"
command -v npm >/dev/null || install_missing nodejs npm
native=$(dpkg --print-architecture)
root=()
[ "$(id -u)" -eq 0 ] || root=(sudo env "PATH=$PATH")

tally package
tally check_package "$native"
tally package arm64
tally check_package arm64
tally /usr/bin/python3 tests/variants.py
tally "${root[@]}" /usr/bin/python3 tests/package/debian.py
tally "${root[@]}" env NTC_BINARY="build-package/$native/source/debian/ntc/usr/sbin/ntc" \
    /usr/bin/python3 tests/system/run.py --name package --folder tests/package
echo "ntc: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
