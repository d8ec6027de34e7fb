#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Pushes one list to many machines over ssh: push-list.sh FILE HOST...
# On each it becomes /etc/ntc/blacklist.d/FILE, in one step; ntc notices by itself.
set -euo pipefail

[ $# -ge 2 ] || { echo "usage: push-list.sh FILE HOST..." >&2; exit 2; }
file=$1
name=$(basename "$file")
shift
[[ $name == *.list && $name =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] || { echo "push-list.sh: the name must end with .list and be plain: $name" >&2; exit 2; }
[ -s "$file" ] || { echo "push-list.sh: $file is empty or absent; nothing pushed" >&2; exit 1; }

failed=0
for host in "$@"; do
    if ssh -- "$host" "sudo sh -c 'cat >/etc/ntc/blacklist.d/.$name && mv /etc/ntc/blacklist.d/.$name /etc/ntc/blacklist.d/$name'" <"$file"; then
        echo "$host: ok"
    else
        echo "$host: failed, keeps what it had" >&2
        failed=1
    fi
done
exit "$failed"
