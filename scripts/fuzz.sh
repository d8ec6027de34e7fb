#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fuzzes what reads foreign bytes (tests/fuzz) with libFuzzer, AddressSanitizer and
# UndefinedBehaviorSanitizer, two targets at a time. A line a target, PASS or FAIL, with how much of the
# code it is for was reached.
#   --seconds N   each target (600)
#   NAME...       only these targets
# What was learnt stays in build-fuzz/corpus and is where the next run begins; an input that fails is put
# to build-fuzz/found: mend the code, and add it to tests/fuzz/corpus/NAME, which every test run replays.
# Installs what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

# The sources a target is for, and the share of their lines in percent it has to reach: one that no longer
# gets there tests nothing.
declare -A sources=(
    [address]="src/base/address.c src/base/text.c"
    [bus]="src/bus/options.c src/ctl/variant.c"
    [config]="src/config/config-yaml.c src/config/config-value.c src/config/keys.c src/config/config.c"
    [event-id]="src/http/event-ring.c"
    [feed]="src/control/feed-parse.c"
    [http]="src/http/request.c src/http/guard.c src/http/routes.c src/http/query.c src/http/host.c src/http/json-out.c
        src/http/route-lists.c src/http/route-list-edit.c src/http/route-flows.c src/http/route-talkers.c src/http/route-status.c
        src/http/route-alerts.c src/http/metrics.c src/base/json-parse.c src/base/json-scan.c"
    [json]="src/base/json-parse.c src/base/json-scan.c src/base/json-reader.c"
    [packet]="bpf/parse-common.h bpf/parse.h bpf/packet-bytes.h"
    [store]="src/control/store-read.c src/control/store-entry.c src/control/store-document.c src/base/json-parse.c src/base/json-scan.c src/base/json-reader.c"
)
declare -A floor=([address]=60 [bus]=80 [config]=70 [event-id]=70 [feed]=90 [http]=75 [json]=85 [packet]=95 [store]=75)

seconds=600
targets=()
while [ $# -gt 0 ]; do
    case $1 in
    --seconds)
        seconds=$2
        shift
        ;;
    -*)
        sed -n '3,10s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
    *) targets+=("$1") ;;
    esac
    shift
done
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(printf '%s\n' "${!sources[@]}" | sort)

# percent NAME: of the lines of its sources, in the run that was last.
percent() {
    local files
    read -r -a files <<<"${sources[$1]//$'\n'/ }"
    llvm-profdata-16 merge -o "$work/$1.profdata" "$work/$1.profraw"
    llvm-cov-16 export -summary-only -instr-profile "$work/$1.profdata" "build-fuzz/tests/fuzz/fuzz-$1" \
        "${files[@]}" | python3 -c 'import json, sys
lines = json.load(sys.stdin)["data"][0]["totals"]["lines"]
print(int(100 * lines["covered"] / lines["count"]))'
}

# One target: prints its line.
fuzz() {
    local name=$1 options=(-max_len=4096 -timeout=25 -rss_limit_mb=2048 -print_final_stats=1) reached runs
    [ ! -f "tests/fuzz/$name.dict" ] || options+=("-dict=tests/fuzz/$name.dict")
    mkdir -p "build-fuzz/corpus/$name"
    if ! LLVM_PROFILE_FILE=$work/$name.profraw "build-fuzz/tests/fuzz/fuzz-$name" "${options[@]}" \
        "-max_total_time=$seconds" "-artifact_prefix=build-fuzz/found/$name-" \
        "build-fuzz/corpus/$name" "tests/fuzz/corpus/$name" >"build-fuzz/$name.log" 2>&1; then
        tail -n 40 "build-fuzz/$name.log" | sed 's/^/    /'
        echo "FAIL fuzz/$name the input is in build-fuzz/found"
        return 1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "build-fuzz/$name.log")
    reached=$(percent "$name")
    if [ "$reached" -lt "${floor[$name]}" ]; then
        echo "FAIL fuzz/$name reaches $reached % of its lines, expected are ${floor[$name]} % or more"
        return 1
    fi
    echo "PASS fuzz/$name $runs inputs in $seconds s, $reached % of the lines"
}

install_missing "${build_packages[@]}" libclang-rt-16-dev libcriterion-dev python3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
CC=clang-16 build_in build-fuzz fuzzers -- -Dfuzz=true -Dbpf=disabled -Dwerror=true \
    -Db_sanitize=address,undefined -Db_lundef=false
mkdir -p build-fuzz/found
export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
failed=0 running=0
for name in "${targets[@]}"; do
    [ -n "${sources[$name]:-}" ] || { echo "no target $name; there are ${!sources[*]}" >&2; exit 2; }
    if [ "$running" -eq 2 ]; then
        wait -n || failed=1
        running=$((running - 1))
    fi
    fuzz "$name" &
    running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
done
exit "$failed"
