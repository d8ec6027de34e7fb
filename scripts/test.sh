#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what is missing, builds, runs every test. A line a test; the last says how many.
#   --no-kernel   for machines without eBPF: leaves out what needs it, and says so
# Without that option a test that can't run is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

kernel=1
for argument in "$@"; do
    case $argument in
    --no-kernel) kernel=0 ;;
    *)
        echo "usage: scripts/test.sh [--no-kernel]" >&2
        exit 2
        ;;
    esac
done

# build NAME DIR TARGET... [-- MESON-OPTION...]
build() {
    local name=$1 begin=$SECONDS
    shift
    if build_in "$@"; then
        echo "PASS build/$name $((SECONDS - begin)) s"
    else
        echo "FAIL build/$name"
        return 1
    fi
}

build_variants() {
    local begin=$SECONDS
    tests/variants.py >/dev/null && echo "PASS build/variants $((SECONDS - begin)) s"
}

# meson_tests NAME DIR OPTION...: runs meson's tests; a skipped one is a failed one.
meson_tests() {
    local name=$1 dir=$2
    shift 2
    rm -f "$dir/meson-logs/$name.json"
    "${root[@]}" meson test -C "$dir" --no-rebuild --logbase "$name" "$@" >"$dir/$name.log" 2>&1 || true
    python3 - "$name" "$dir" <<'PY'
import json, sys
name, folder = sys.argv[1:]
bad = seen = 0
try:
    lines = open(f"{folder}/meson-logs/{name}.json").read().splitlines()
except OSError:
    lines = []
for line in lines:
    test = json.loads(line)
    good = test["result"] in ("OK", "EXPECTEDFAIL")
    print("PASS" if good else "FAIL",
          f"{name}/{test['name'].split(' / ')[-1]} {test['duration']:.1f} s{'' if good else ' ' + test['result']}")
    if not good or name == "bench":
        for line in (test.get("stdout", "")[-6000:] + "\n" + test.get("stderr", "")[-6000:]).strip().split("\n"):
            print("   ", line)
    seen += 1
    bad += not good
if seen == 0:
    print(f"FAIL {name}: no test ran:")
    print(open(f"{folder}/{name}.log").read()[-4000:])
sys.exit(1 if bad or not seen else 0)
PY
}

# unpacked PACKAGE FILE: Debian's package in build-tools, unless FILE is there. Installed, a server would
# start, and docker-compose bring Docker along.
unpacked() {
    [ -e "build-tools/$2" ] && return
    echo "fetching: $1"
    mkdir -p build-tools
    (cd build-tools && { apt-get download -qq "$1" 2>/dev/null ||
        { as_root apt-get update -qq && apt-get download -qq "$1"; }; } &&
        dpkg-deb -x "$1"_*.deb . && rm -f "$1"_*.deb)
}

compose_schema=usr/lib/python3/dist-packages/compose/config/compose_spec.json

# The servers that monitoring/ is for, and promtool, which comes with Prometheus.
fetch_monitoring() {
    unpacked prometheus usr/bin/prometheus
    unpacked victoria-metrics usr/bin/victoria-metrics
    unpacked docker-compose "$compose_schema"
    unpacked nginx usr/sbin/nginx
    PATH=$PWD/build-tools/usr/bin:$PWD/build-tools/usr/sbin:$PATH
    command -v npm >/dev/null || install_missing nodejs npm # whoever has npm need not have Debian's
}

install_missing "${build_packages[@]}" "${test_packages[@]}"
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
root=()
all=(all meson-test-prereq meson-benchmark-prereq src/ntc)

tally scripts/lint.sh
tally build gcc build-test "${all[@]}" -- -Dwerror=true
tally build asan build-asan "${all[@]}" -- -Dwerror=true -Db_sanitize=address,undefined -Db_lundef=false
CC=clang-16 tally build clang build-clang "${all[@]}" -- -Dwerror=true
fetch_monitoring
tally /usr/bin/python3 tests/monitoring/check.py build-test/src/ntc "build-tools/$compose_schema" build-tools/grafana-model
tally meson_tests unit build-test --suite unit
tally meson_tests unit-asan build-asan --suite unit
if [ "$kernel" -eq 1 ]; then
    [ "$(id -u)" -eq 0 ] || root=(sudo env "PATH=$PATH")
    tally meson_tests bpf build-test --suite bpf --suite system
    tally meson_tests bench build-test --benchmark
    tally "${root[@]}" env NTC_BINARY=build-test/src/ntc /usr/bin/python3 tests/system/run.py --name system
    tally "${root[@]}" env NTC_BINARY=build-asan/src/ntc ASAN_OPTIONS=$ASAN_OPTIONS \
        UBSAN_OPTIONS=$UBSAN_OPTIONS /usr/bin/python3 tests/system/run.py --name system-asan --again
    tally build install build-install all -- -Dwerror=true -Dtests=false --prefix=/usr --sysconfdir=/etc
    tally build_variants
    tally "${root[@]}" env NTC_BINARY=build-install/src/ntc /usr/bin/python3 tests/system/run.py \
        --name booted --folder tests/booted
    tally env NTC_BINARY=build-test/src/ntc /usr/bin/python3 tests/qemu/run.py
fi
tally scripts/test-web.sh "$kernel"

echo "ntc: $passed passed, $failed failed"
[ "$kernel" -eq 1 ] ||
    echo "not tested (--no-kernel): the eBPF program (tests/bpf) the whole daemon on real packets (tests/system) and as a service (tests/booted)"
[ "$failed" -eq 0 ]
