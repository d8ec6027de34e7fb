#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Builds the Debian package below build-package/, and prints its path:
#   scripts/package.sh                 for this machine
#   scripts/package.sh arm64           for another architecture (docs/deploying.md)
#   scripts/package.sh --no-web ...    without the web UI, and so without node and npm
# Installs what is missing for that. What hasn't changed isn't built again.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

fail() {
    echo "package.sh: $*" >&2
    exit 1
}

# Debian's profile of that name leaves the web UI out.
profile=()
if [ "${1:-}" = --no-web ]; then
    profile=(-Ppkg.ntc.noweb)
    shift
fi
if ! command -v dpkg >/dev/null || ! command -v apt-get >/dev/null; then
    fail "packages are built on Debian and its like; scripts/deploy.sh rpi-build has the device build it"
fi
native=$(dpkg --print-architecture)
arch=${1:-$native}
case $arch in
"$native" | arm64) ;;
*) fail "no cross file for $arch; there is scripts/arm64.cross" ;;
esac
folder=build-package/$arch
log=$folder/build.log

# The files of the tree, without what is built; of a tarball, all.
tree() {
    git -c safe.directory='*' ls-files --cached --others --exclude-standard 2>/dev/null ||
        find . \( -name 'build*' -o -name node_modules -o -name __pycache__ \) -prune -o -type f -print
}

sources() {
    tree | while read -r file; do
        [ ! -f "$file" ] || printf '%s\0' "$file"
    done
}

fingerprint() {
    echo "${profile[@]}"
    sources | sort -z | xargs -0 sha256sum
}

# For another architecture Debian's own libraries of that one are installed beside this one's.
install_build_dependencies() {
    install_missing dpkg-dev debhelper fakeroot
    if [ "$arch" != "$native" ]; then
        if ! dpkg --print-foreign-architectures | grep -qx "$arch"; then
            as_root dpkg --add-architecture "$arch"
            as_root apt-get update -qq
        fi
        install_missing "crossbuild-essential-$arch"
    fi
    (cd "$folder/source" && dpkg-checkbuilddeps -a "$arch" "${profile[@]}") 2>/dev/null && return
    echo "installing what building for $arch needs" >&2
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 build-dep -y -qq --no-install-recommends \
        -a "$arch" "${profile[@]}" "./$folder/source" >/dev/null
}

copy_sources() {
    rm -rf "$folder"
    mkdir -p "$folder/source"
    sources | xargs -0 cp -P --parents -t "$folder/source"
    # npm's packages, if they are here already: embed.py knows whether they are the right ones.
    [ ! -f web/node_modules/.ntc-lock ] || cp -al web/node_modules "$folder/source/web/"
}

build_package() {
    (cd "$folder/source" && dpkg-buildpackage -b -uc -us -a "$arch" "${profile[@]}") >"$log" 2>&1 || {
        tail -n 40 "$log" >&2
        fail "the build failed; all it said is in $log"
    }
}

mkdir -p build-package
wanted=$(fingerprint)
if [ "$wanted" != "$(cat "$folder/fingerprint" 2>/dev/null)" ]; then
    copy_sources
    install_build_dependencies >&2
    echo "building the package for $arch" >&2
    build_package
    printf '%s\n' "$wanted" >"$folder/fingerprint"
fi
realpath --relative-to=. "$folder"/ntc_*_"$arch".deb
