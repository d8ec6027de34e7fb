# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Shared by the scripts: what ntc needs from Debian, and how to get what is missing.

# To build and run.
# shellcheck disable=SC2034 # used by run.sh and test.sh
build_packages=(build-essential meson ninja-build pkg-config clang-16 llvm-16 bpftool libbpf-dev
    libsystemd-dev libmicrohttpd-dev libjson-c-dev libyaml-dev libmnl-dev uthash-dev libxxhash-dev
    libsmartcols-dev libcurl4-openssl-dev)
# To test.
# shellcheck disable=SC2034 # used by test.sh
test_packages=(libcriterion-dev clang-format-14 shellcheck git python3 procps iproute2
    ethtool curl iperf3 strace nmap hping3 chromium openssl
    dbus-daemon python3-yaml python3-jsonschema python3-prometheus-client
    systemd systemd-container dbus polkitd util-linux e2fsprogs qemu-system-x86 busybox-static bash-completion scdoc man-db)
# To test the package.
# shellcheck disable=SC2034 # used by test-package.sh
package_packages=(dpkg-dev debhelper fakeroot lintian mmdebstrap qemu-user-static openssh-client)

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "neither root nor sudo: can't run: $*" >&2
        return 1
    fi
}

# install_missing PACKAGE...: asks apt only for what dpkg doesn't know as installed.
install_missing() {
    local missing=() package
    local -A installed=()
    while read -r package; do
        installed[$package]=1
    done < <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
        sed -n 's/^installed //p')
    for package in "$@"; do
        [ -n "${installed[$package]:-}" ] || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    echo "installing: ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "${missing[@]}" >/dev/null
}

# build_in DIR TARGET... [-- MESON-OPTION...]: configures DIR once, then builds the targets.
build_in() {
    local dir=$1 targets=()
    shift
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        targets+=("$1")
        shift
    done
    [ $# -eq 0 ] || shift
    if [ ! -f "$dir/build.ninja" ]; then
        rm -rf "$dir"
        meson setup "$dir" "$@" >"$dir.log" 2>&1 || { cat "$dir.log"; rm -f "$dir.log"; return 1; }
        rm -f "$dir.log"
    fi
    # Of a build that goes well nobody wants to read.
    local log
    log=$(ninja -k 0 -C "$dir" "${targets[@]}" 2>&1) || { printf '%s\n' "$log"; return 1; }
}

# The oldest kernel that does, by architecture (uname's name or dpkg's): docs/kernels.md.
least_kernel() {
    case $1 in
    aarch64 | arm64) echo 5.18 ;;
    *) echo 5.15 ;;
    esac
}

# at_least RELEASE VERSION: of kernels.
at_least() {
    local major minor
    IFS=. read -r major minor _ <<<"$1"
    minor=${minor%%[!0-9]*}
    [ "$major" -gt "${2%.*}" ] || { [ "$major" -eq "${2%.*}" ] && [ "$minor" -ge "${2#*.}" ]; }
}

# Why this process (as root) can't use eBPF; silent and 0 where it can.
bpf_refusal() {
    local release least caps
    release=$(uname -r)
    least=$(least_kernel "$(uname -m)")
    if ! at_least "$release" "$least"; then
        echo "the kernel is $release, and ntc's eBPF program needs $least or newer"
        return 1
    fi
    caps=0x$(as_root sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status 2>/dev/null) || return 1
    # CAP_NET_ADMIN (12), and CAP_SYS_ADMIN (21) or CAP_BPF (39)
    if (((caps >> 12 & 1) == 0 || ((caps >> 21 & 1) == 0 && (caps >> 39 & 1) == 0))); then
        echo "even root lacks CAP_BPF or CAP_NET_ADMIN here (an unprivileged container?)"
        return 1
    fi
}

# What the tests of this run have come to.
passed=0
failed=0

# tally COMMAND...: shows its output and counts the lines that begin with PASS or FAIL. A command that
# fails without naming a failed test counts as one.
tally() {
    local log status=0 bad
    log=$(mktemp)
    "$@" > >(tee "$log") 2>&1 || status=$?
    wait $! 2>/dev/null || true
    bad=$(grep -c '^FAIL ' "$log" || true)
    passed=$((passed + $(grep -c '^PASS ' "$log" || true)))
    failed=$((failed + bad))
    rm -f "$log"
    if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
        echo "FAIL $* (exit status $status)"
        failed=$((failed + 1))
    fi
}
