#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Static analysis of src/ with clang-tidy (.clang-tidy) and cppcheck (.cppcheck). A line a tool, PASS or FAIL.
# Needs build-test, which scripts/test.sh makes.
# shellcheck disable=SC2317 # the tools are called through tool()
set -euo pipefail
cd "$(dirname "$0")/.."
[ -f build-test/compile_commands.json ] || { echo "FAIL static: build-test is missing; scripts/test.sh makes it"; exit 1; }

# Files are shared out one by one: some take ten times as long as others.
tidy() {
    find src -name '*.c' -print0 |
        xargs -0 -P "$(nproc)" -n 4 clang-tidy-14 -p build-test --quiet 2>/dev/null
}

check() {
    cppcheck -j "$(nproc)" --quiet --std=c11 --enable=warning,performance,portability --inline-suppr \
        --suppressions-list=.cppcheck --error-exitcode=1 -D_GNU_SOURCE -DNTC_VERSION='"0"' -DHAVE_BPF=1 -DHAVE_WEB=0 \
        --include=tests/static/cppcheck.h -I src src 2>&1
}

failed=0
# tool NAME FUNCTION
tool() {
    local begin=$SECONDS
    if "$2"; then
        echo "PASS static/$1 $((SECONDS - begin)) s"
    else
        echo "FAIL static/$1"
        failed=1
    fi
}

tool clang-tidy tidy
tool cppcheck check
exit "$failed"
