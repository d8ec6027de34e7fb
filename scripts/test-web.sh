#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Tests the web page: its code (format, lint, types, logic), its build, and the page in Chromium against a
# real ntc. Called by test.sh, which installs the rest; scripts/test-web.sh 0 leaves out what needs eBPF.
# shellcheck disable=SC2317 # the checks are called through check()
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh
kernel=${1:-1}
failed=0

# check NAME COMMAND...: one line, PASS or FAIL; what a command that failed said comes after it.
check() {
    local name=$1 begin=$SECONDS log
    shift
    if log=$("$@" 2>&1); then
        echo "PASS web/$name $((SECONDS - begin)) s"
    else
        echo "FAIL web/$name"
        printf '%s\n' "$log" | tail -n 60
        failed=1
    fi
}

# Whoever builds fetches by his own settings, not by ours.
lock_names_no_host() {
    ! grep -nE '"resolved"|https?://[^"]*\.tgz' web/package-lock.json
}

# builds_with_node VERSION: the oldest and the newest, whatever is installed.
builds_with_node() {
    local machine tools=$PWD/build-tools/node-$1 out=$PWD/build-web-$1 node
    case $(uname -m) in
    aarch64) machine=arm64 ;;
    *) machine=x64 ;;
    esac
    node=$tools/node_modules/node-linux-$machine/bin/node
    [ -x "$node" ] ||
        npm install --prefix "$tools" --no-save --no-audit --no-fund "node-linux-$machine@$1"
    [[ $("$node" --version) == v$1.* ]]
    in_web "$node" node_modules/vite/bin/vite.js build --outDir "$out" --emptyOutDir
    [ -s "$out/index.html" ]
}

builds_without_node() {
    local path
    path=$(mktemp -d)
    for program in node npm; do
        printf '#!/bin/sh\necho "%s was called" >&2\nexit 1\n' "$program" >"$path/$program"
        chmod +x "$path/$program"
    done
    rm -rf build-webless
    PATH=$path:$PATH meson setup build-webless -Dweb=disabled -Dtests=false &&
        PATH=$path:$PATH ninja -C build-webless src/http/libntc-http.a
    local status=$?
    rm -rf "$path"
    return "$status"
}

in_web() {
    (cd web && "$@")
}

command -v npm >/dev/null || install_missing nodejs npm
check install in_web npm ci --no-audit --no-fund
check lock lock_names_no_host
check build build_in build-web src/ntc -- -Dwerror=true -Dtests=false -Dweb=enabled
export NTC_BINARY=build-web/src/ntc

# Two at a time, as there are cores: the browser's tests, and what needs none.
static=$(mktemp)
{
    check lint in_web npm run -s lint
    check types in_web npm run -s check
    check unit in_web npm run -s test
    check node-18 builds_with_node 18
    check node-22 builds_with_node 22
    check without-node builds_without_node
    exit "$failed"
} >"$static" 2>&1 &
node tests/web/run.mjs || failed=1
wait $! || failed=1
cat "$static"
rm -f "$static"
if [ "$kernel" -eq 1 ]; then
    as_root env "PATH=$PATH" NTC_BINARY="$NTC_BINARY" node tests/web/run.mjs --bpf || failed=1
fi
exit "$failed"
