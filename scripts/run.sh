#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what is missing, builds (with the web page), and runs ntc on the interfaces of config.yaml (as shipped: the
# one of the default route). Arguments go to ntc: scripts/run.sh --mock, --interface eth0, --help ...
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

install_missing "${build_packages[@]}"
# For the web page. Whoever has npm need not have Debian's.
command -v npm >/dev/null || install_missing nodejs npm
[ ! -f build/build.ninja ] || meson configure build -Dweb=enabled
build_in build src/ntc src/ctl/ntcctl -- -Dtests=false -Dweb=enabled

kernel=1
for argument in "$@"; do
    case $argument in
    --mock | --help | --version | --check-config) kernel=0 ;;
    esac
done
if [ "$kernel" -eq 0 ]; then
    exec ./build/src/ntc --config config.yaml "$@"
fi
if ! refusal=$(bpf_refusal); then
    echo "eBPF can't be had here: ${refusal:-root is needed}." >&2
    echo "To see ntc with synthetic traffic instead: scripts/run.sh --mock" >&2
    exit 1
fi
if [ "$(id -u)" -eq 0 ]; then
    exec ./build/src/ntc --config config.yaml "$@"
fi
exec sudo ./build/src/ntc --config config.yaml "$@"
