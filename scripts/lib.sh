# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Shared by the scripts: what ntc needs from Debian, and how to get what is missing.

ntc_packages=(build-essential meson ninja-build pkg-config clang-16 llvm-16 bpftool clang-format shellcheck
    libbpf-dev libsystemd-dev libmicrohttpd-dev libjson-c-dev libyaml-dev libcriterion-dev libmnl-dev
    uthash-dev libxxhash-dev)

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

install_missing() {
    local missing=() package
    for package in "${ntc_packages[@]}"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    echo "installing: ${missing[*]}"
    as_root apt-get update -qq
    DEBIAN_FRONTEND=noninteractive as_root apt-get install -y -qq "${missing[@]}" >/dev/null
}
