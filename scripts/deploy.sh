#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Brings ntc to where it is to run. `scripts/deploy.sh` without a target tells which there are.
# Where the Raspberry Pi is, deploy.env says (see deploy.env.example); variables of the environment beat it.
# Every target can be run again.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

usage() {
    cat <<'TEXT'
Usage: scripts/deploy.sh TARGET

  local                      build here, into execute/
  rpi                        build the package here, for the device's architecture, and copy it there
  rpi-build                  copy the sources to the device and build the package there
  rpi-install-dependencies   install on the device what rpi-build needs, and what ntc runs with
  rpi-install-service        install the package on the device, or upgrade to it, and start the service
  rpi-install-stack          start VictoriaMetrics, vmalert and Grafana on the device, with Docker

Usually: rpi (or, without Debian here, rpi-install-dependencies and rpi-build), then rpi-install-service.
TEXT
}

say() {
    echo "==> $*"
}

fail() {
    printf 'deploy.sh: %s\n' "$@" >&2
    exit 1
}

# --- the device

# What deploy.env says; what the environment says beats it.
read_settings() {
    local name
    local -A given=()
    for name in RPI_HOST RPI_USER RPI_DIR RPI_SSH_OPTIONS NTC_NO_WEB; do
        [ -z "${!name+set}" ] || given[$name]=${!name}
    done
    # shellcheck source=/dev/null
    [ ! -f deploy.env ] || . ./deploy.env
    for name in "${!given[@]}"; do
        printf -v "$name" %s "${given[$name]}"
    done
    [ -n "${RPI_HOST:-}" ] ||
        fail "where is the Raspberry Pi? cp deploy.env.example deploy.env, and set RPI_HOST there"
    RPI_USER=${RPI_USER:-pi}
    RPI_DIR=${RPI_DIR:-ntc}
    # It stands in commands of the device's shell.
    [[ $RPI_DIR =~ ^[A-Za-z0-9_./-]+$ ]] || fail "RPI_DIR: letters, digits and _ . / - only, not: $RPI_DIR"
    [[ ! /$RPI_DIR/ =~ ^/+\.*/*$|/\.\./ ]] || fail "RPI_DIR must be a folder of ntc's own, not: $RPI_DIR"
}

# One connection for all, so that a password is asked for once.
connect() {
    local options
    command -v ssh >/dev/null || fail "ssh is missing: install openssh-client"
    control=$(mktemp -d)
    trap disconnect EXIT
    read -r -a options <<<"${RPI_SSH_OPTIONS:-}"
    ssh=(ssh -o ControlMaster=auto -o "ControlPath=$control/%C" -o ControlPersist=60 -o ConnectTimeout=15
        -o StrictHostKeyChecking=accept-new "${options[@]//#\~/$HOME}" "$RPI_USER@$RPI_HOST")
    "${ssh[@]}" true || fail "no connection to $RPI_USER@$RPI_HOST: is it on, and does 'ssh $RPI_USER@$RPI_HOST' work?"
    arch=$(on_device dpkg --print-architecture) ||
        fail "$RPI_HOST has no dpkg: ntc is deployed to Debian and its like (Raspberry Pi OS)"
    check_kernel "$(on_device uname -r)"
}

disconnect() {
    "${ssh[@]}" -O exit 2>/dev/null || true
    rm -rf "$control"
}

on_device() {
    "${ssh[@]}" -n -- "$@"
}

# as_device_root COMMAND...: with a terminal, if there is one here, so that sudo can ask for a password.
as_device_root() {
    local terminal=() command=()
    [ "$RPI_USER" = root ] || command=(sudo)
    if [ -t 0 ]; then terminal=(-t); fi
    "${ssh[@]}" "${terminal[@]}" -- "${command[@]}" "$@"
}

check_kernel() {
    local least
    least=$(least_kernel "$arch")
    at_least "$1" "$least" || fail "$RPI_HOST runs kernel $1; ntc needs $least or newer: upgrade it"
}

check_architecture() {
    [ "$arch" != armhf ] || fail "$RPI_HOST runs a 32-bit system (armhf): install the 64-bit Raspberry Pi OS"
}

no_web() {
    [ -z "${NTC_NO_WEB:-}" ] || echo --no-web
}

# --- the targets

deploy_local() {
    local web=auto
    [ "$(uname -s)" = Linux ] || fail "ntc runs on Linux, and here is $(uname -s); rpi-build builds on the device"
    [ -z "${NTC_NO_WEB:-}" ] || web=disabled
    install_missing "${build_packages[@]}"
    build_in build-local src/ntc src/ctl/ntcctl -- -Dtests=false -Dweb="$web"
    mkdir -p execute
    install build-local/src/ntc build-local/src/ctl/ntcctl execute/
    [ -e execute/config.yaml ] || cp config.yaml execute/
    say "built: cd execute && sudo ./ntc          (or ./ntc --mock: synthetic traffic, without privileges)"
}

deploy_rpi() {
    local package
    command -v dpkg >/dev/null || fail "cross-building needs Debian or its like, and here is $(uname -s)." \
        "Let the device build it: scripts/deploy.sh rpi-install-dependencies, then rpi-build"
    check_architecture
    # shellcheck disable=SC2046 # no word where it isn't set
    package=$(scripts/package.sh $(no_web) "$arch")
    say "copying $package to $RPI_HOST:$RPI_DIR"
    on_device "mkdir -p $RPI_DIR && rm -f $RPI_DIR/ntc_*.deb"
    "${ssh[@]}" "cat >$RPI_DIR/${package##*/}" <"$package"
    say "copied. Next: scripts/deploy.sh rpi-install-service"
}

copy_sources() {
    say "copying the sources to $RPI_HOST:$RPI_DIR/source"
    # Files alone: a folder that something is written into meanwhile would be an error of tar's.
    find . \( -path './build*' -o -path ./.git -o -path ./execute -o -path ./data -o -path ./deploy.env \
        -o -name node_modules -o -name __pycache__ \) -prune -o ! -type d -print0 |
        tar -c --null -T - |
        "${ssh[@]}" "mkdir -p $RPI_DIR/source && cd $RPI_DIR/source &&
            find . -mindepth 1 -maxdepth 1 ! -name 'build*' -exec rm -rf {} + && tar -x --no-same-owner"
}

deploy_rpi_build() {
    check_architecture
    copy_sources
    say "building there; the first time this takes minutes"
    "${ssh[@]}" "cd $RPI_DIR/source && scripts/package.sh $(no_web) >/dev/null &&
        rm -f ../ntc_*.deb && cp build-package/*/ntc_*.deb ../"
    say "built. Next: scripts/deploy.sh rpi-install-service"
}

deploy_rpi_install_dependencies() {
    local packages=("${build_packages[@]}" dpkg-dev debhelper fakeroot scdoc dbus polkitd)
    if [ -z "${NTC_NO_WEB:-}" ] && ! on_device command -v npm >/dev/null; then packages+=(nodejs npm); fi
    say "installing on $RPI_HOST what is missing of: ${packages[*]}"
    as_device_root apt-get update -qq
    as_device_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-upgrade --no-install-recommends "${packages[@]}"
    say "installed. Next: scripts/deploy.sh rpi-build"
}

deploy_rpi_install_service() {
    local package
    package=$(on_device "cd $RPI_DIR 2>/dev/null && ls ntc_*.deb 2>/dev/null" || true)
    [ -n "$package" ] ||
        fail "there is no package in $RPI_HOST:$RPI_DIR yet: run scripts/deploy.sh rpi (or rpi-build) first"
    as_device_root apt-get update -qq || say "apt-get update failed; going on with what the device knows"
    say "installing $package on $RPI_HOST"
    # apt reads it as a user of its own, who need not be able to enter a home.
    as_device_root sh -c "'cp $RPI_DIR/$package /var/tmp/ && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --reinstall --allow-downgrades /var/tmp/$package; status=\$?; rm -f /var/tmp/$package; exit \$status'"
    on_device systemctl is-active --quiet ntc.service ||
        fail "it is installed, but the service does not run; on $RPI_HOST: sudo systemctl enable --now ntc" \
            "If that fails: journalctl -u ntc"
    say "ntc runs: http://$RPI_HOST:8086/"
}

deploy_rpi_install_stack() {
    on_device command -v docker >/dev/null ||
        fail "Docker is missing on $RPI_HOST. There: sudo apt install docker.io docker-compose"
    say "copying monitoring/ to $RPI_HOST:$RPI_DIR"
    tar -c --exclude=__pycache__ monitoring | "${ssh[@]}" "mkdir -p $RPI_DIR && cd $RPI_DIR && tar -x --no-same-owner"
    if on_device docker compose version >/dev/null 2>&1; then
        as_device_root docker compose -f "$RPI_DIR/monitoring/docker-compose.yml" up -d
    elif on_device command -v docker-compose >/dev/null; then
        as_device_root docker-compose -f "$RPI_DIR/monitoring/docker-compose.yml" up -d
    else
        fail "Compose is missing on $RPI_HOST. There: sudo apt install docker-compose"
    fi
    say "Grafana: http://localhost:3000 on $RPI_HOST (monitoring/README.md: how to open it to the network)"
}

case ${1:-} in
local)
    deploy_local
    ;;
rpi | rpi-build | rpi-install-dependencies | rpi-install-service | rpi-install-stack)
    read_settings
    connect
    "deploy_${1//-/_}"
    ;;
'' | -h | --help)
    usage
    ;;
*)
    usage >&2
    exit 2
    ;;
esac
