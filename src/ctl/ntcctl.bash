# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Completion of ntcctl(1) for bash: verbs, options, and the entries of the lists.

# __ntcctl_entries LIST: its addresses, as the running daemon has them.
__ntcctl_entries() {
    ntcctl lists "$1" --no-pager --no-legend --no-ask-password 2>/dev/null | awk '{ print $2 }'
}

# The verb on the command line so far, if any.
__ntcctl_verb() {
    local word known=" $1 "
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $known in
        *" $word "*)
            echo "$word"
            return
            ;;
        esac
    done
}

_ntcctl() {
    local verbs='status top flows events alerts block unblock allow disallow confirm lists why flush reload token'
    local options='--for --comment --confirm --force --whitelist --sort --once --limit --since --kind --ip --url
        --new --json --no-pager --no-legend --no-ask-password --help --version'
    local cur prev verb words=''
    # Addresses of IPv6 have colons, which are no ends of words here.
    _get_comp_words_by_ref -n : cur prev
    verb=$(__ntcctl_verb "$verbs")

    case $prev in
    --sort) words='packets bytes ports syn dropped' ;;
    --kind) words='port-scan host-sweep syn-flood volume' ;;
    --for) words='15min 1h 1d 7d' ;;
    --confirm) words='30 60 120' ;;
    --comment | --limit | --since | --ip | --url) return ;;
    *)
        case $cur in
        -*) words=$options ;;
        *)
            case $verb in
            '') words=$verbs ;;
            unblock) words=$(__ntcctl_entries blacklist) ;;
            disallow) words=$(__ntcctl_entries whitelist) ;;
            confirm | why) words="$(__ntcctl_entries blacklist) $(__ntcctl_entries whitelist)" ;;
            lists) words='blacklist whitelist' ;;
            esac
            ;;
        esac
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
    __ltrim_colon_completions "$cur"
}

complete -F _ntcctl ntcctl
