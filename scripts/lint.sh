#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Holds the tree against its rules: format, licenses, who may include whom, shell scripts, no conflict left.
# One line a rule, PASS or FAIL; exit status 1 if any fails.
# shellcheck disable=SC2317 # the checks are called through rule()
set -euo pipefail
cd "$(dirname "$0")/.."

# The files of the tree; of a tarball, everything but the build folders.
tree() {
    git -c safe.directory='*' ls-files --cached --others --exclude-standard -- "$@" 2>/dev/null ||
        find . -path './build*' -prune -o -type f -print | sed 's|^\./||' | grep -E '\.(c|h|sh|py|build)$'
}

# The existing ones among them whose names match a regular expression.
files() {
    local file
    tree . | grep -E "$1" | while read -r file; do
        [ ! -f "$file" ] || echo "$file"
    done
}

check_format() {
    files '\.[ch]$' | xargs clang-format-14 --dry-run --Werror
}

check_licenses() {
    local file bad=0
    while read -r file; do
        if [ -s "$file" ] && ! head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT'; then
            echo "$file: no SPDX line in its first three"
            bad=1
        fi
    done < <(files '(\.[ch]|\.sh|\.py|meson\.build|^\.ci/run|\.service|\.socket)$')
    return "$bad"
}

# What each folder of src/ may include from the others; a name with a dot is that one header.
declare -A may_include=(
    [base]="base"
    [config]="base config"
    [flow]="base config flow datapath/datapath.h"
    [stats]="base config flow stats"
    [detect]="base config flow stats detect"
    [control]="base config flow control datapath/datapath.h"
    [datapath]="base config flow datapath"
    [http]="base config flow stats detect control http"
    [bus]="base config flow stats detect control bus"
    [journal]="base flow detect journal"
    [ctl]="base ctl"
)

# allowed MODULE HEADER
allowed() {
    local allowance
    for allowance in ${may_include[$1]}; do
        if [ "$2" = "$allowance" ] || [ "${2%%/*}" = "$allowance" ]; then return 0; fi
    done
    return 1
}

check_includes() {
    local file header module bad=0
    while IFS=: read -r file header; do
        module=${file#src/}
        module=${module%%/*}
        case $header in
        bpf/* | ntc.skel.h | abi.h)
            [[ $file == src/datapath/bpf* ]] && continue
            echo "$file includes $header: only src/datapath/bpf* may know libbpf and the ABI"
            bad=1
            ;;
        microhttpd.h)
            [ "$module" = http ] && continue
            echo "$file includes $header: only src/http may"
            bad=1
            ;;
        */*)
            # The composition root (src/*.c) knows all; headers of the system aren't ours.
            if [[ $file != src/*/* ]] || [ ! -d "src/${header%%/*}" ]; then continue; fi
            [ -n "${may_include[$module]:-}" ] && allowed "$module" "$header" && continue
            echo "$file includes $header: src/$module may not"
            bad=1
            ;;
        esac
    done < <(files '^src/.*\.[ch]$' |
        xargs sed -n -E '/^[[:space:]]*#[[:space:]]*include/{s/.*["<]([^">]+)[">].*/\1/;F;p}' |
        paste -d : - -)
    return "$bad"
}

check_shell() {
    { files '\.sh$'; echo .ci/run; } | xargs shellcheck -x
}

# What a merge left behind, in any file.
check_conflicts() {
    ! tree . | tr '\n' '\0' | xargs -0 grep -nIsE '^(<{7}|>{7}) '
}

failed=0
# rule NAME CHECK
rule() {
    if "$2"; then
        echo "PASS lint/$1"
    else
        echo "FAIL lint/$1"
        failed=1
    fi
}

rule format check_format
rule licenses check_licenses
rule includes check_includes
rule shell check_shell
rule conflicts check_conflicts
exit "$failed"
