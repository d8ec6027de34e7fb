#!/bin/busybox sh
# SPDX-License-Identifier: MIT
# shellcheck shell=dash
# shellcheck disable=SC2317 # the tests are called through run()
# The first process of the guest: a host that runs ntc, a peer, a veth cable between them; and a line a
# test on the console. The kernel's command line tells by which hooks (modes=) ntc is to attach.

HOST=10.77.0.1 FRIEND=10.77.0.3 FOE=10.77.0.4
HOST6=fd77::1 FRIEND6=fd77::3
PORT=9000         # what arrives there counts as received
STREAM_PORT=9001  # and there as leaked
FOREIGN_PORT=7777 # what someone else's tc filter drops
HANDLE=0x6e74     # ntc's own, which that filter has too

# --- the stage

# busybox' shell takes its own of these before any other.
ip() {
    /tools/ip "$@"
}

prepare() {
    /bin/busybox --install -s /bin
    mount -t proc proc /proc
    mount -t sysfs sys /sys
    mount -t devtmpfs dev /dev
    mount -t tmpfs tmp /run
    mkdir -p /run/netns /run/state
    sysctl -qw net.core.netdev_max_backlog=100000 net.core.rmem_max=67108864
    ip link set lo up
    ip netns add host
    ip netns add peer
    for namespace in host peer; do
        ip -n "$namespace" link set lo up
        in_ "$namespace" sysctl -qw net.ipv6.conf.all.router_solicitations=0
    done
    ip -n host link add eth0 type veth peer name eth0 netns peer
    addresses host $HOST $HOST6
    addresses peer $FRIEND $FOE $FRIEND6
    neighbours host "$(mac peer)" $FRIEND $FOE $FRIEND6
    neighbours peer "$(mac host)" $HOST $HOST6
    sink host $HOST $PORT received
    sink host $HOST $STREAM_PORT leaked
    sink host $HOST $FOREIGN_PORT foreign
    sink host $HOST6 $PORT received6
    sink peer $FRIEND $PORT received-by-peer
    on_host manager serve &
}

in_() {
    local namespace=$1
    shift
    nsenter --net="/run/netns/$namespace" "$@"
}

on_host() {
    in_ host "$@"
}

addresses() {
    local namespace=$1 address
    shift
    for address in "$@"; do
        case $address in
        *:*) ip -n "$namespace" address add "$address/64" dev eth0 nodad ;;
        *) ip -n "$namespace" address add "$address/24" dev eth0 ;;
        esac
    done
    ip -n "$namespace" link set eth0 up
}

mac() {
    ip -n "$1" link show eth0 | awk '/ether/ { print $2 }'
}

# So that nothing but what a test sends has to be counted.
neighbours() {
    local namespace=$1 mac=$2 address
    shift 2
    for address in "$@"; do
        ip -n "$namespace" neighbour replace "$address" dev eth0 lladdr "$mac" nud permanent
    done
}

sink() {
    in_ "$1" traffic sink "$2" "$3" "/run/$4" &
}

number() {
    traffic count "/run/$1"
}

# send FROM TO PORT COUNT, from the peer
send() {
    in_ peer traffic send "$@"
}

stream_begin() {
    # Not by in_: $! would be that of a shell, which leaves its child behind.
    nsenter --net=/run/netns/peer traffic stream $FOE $HOST $STREAM_PORT /run/sent &
    echo $! >/run/stream.pid
}

stream_end() {
    kill "$(cat /run/stream.pid)"
    sleep 0.5
}

# --- ntc

# configure MODE [CAPACITY]
configure() {
    local tcx=true
    [ "$1" = tcx ] || tcx=false
    # Where there is no TCX, ntc has to find that out by itself.
    [ "$native" = tcx ] || tcx=true
    cat >/run/ntc.yaml <<CONFIG
network:
  interfaces: [eth0]
  tcx: $tcx
persistence:
  path: /run/state/lists.json
lists:
  capacity: ${2:-4096}
flows:
  scan_interval_ms: 100
CONFIG
}

http() {
    on_host traffic http "$@"
}

# start [PROGRAM]
start() {
    manager start "/bin/${1:-ntc}" --config /run/ntc.yaml
}

block() {
    http POST /blacklist "{\"ip\":\"$1\"}" >/dev/null
}

# packets REGEX: of ntc_packets_total, those whose labels match
packets() {
    http GET /metrics |
        awk -v want="$1" '/^ntc_packets_total/ && $0 ~ want { n += $2 } END { printf "%d\n", n }'
}

# settled REGEX: the same, once the scans have counted what was sent before
settled() {
    local value before=
    until value=$(packets "$1") && [ "$value" = "$before" ]; do
        before=$value
        sleep 2.5
    done
    echo "$value"
}

dropped() {
    packets UDP.*INGRESS.*DROP
}

metric() {
    http GET /metrics | awk -v want="$1" '$1 == want { print $2 }'
}

# programs NAME: how many are loaded; all by name in the kernel, whoever holds them
programs() {
    /tools/bpftool prog list | grep -c "name $1"
}

tag() {
    /tools/bpftool prog list | sed -n 's/.*name ntc_ingress  *tag \([0-9a-f]*\).*/\1/p'
}

maps() {
    /tools/bpftool map list | grep -c 'name ntc_'
}

# filters REGEX: on both sides
filters() {
    { on_host /tools/tc filter show dev eth0 ingress && on_host /tools/tc filter show dev eth0 egress; } |
        grep -c "$1"
}

our_filters() {
    filters 'name ntc_'
}

# --- saying what is wrong

complain() {
    echo "    $*"
    return 1
}

# same WHAT WANTED VALUE
same() {
    [ "$2" = "$3" ] || complain "$1: wanted $2, got $3"
}

# eventually WHAT WANTED COMMAND...: it prints that in the end
eventually() {
    local what=$1 wanted=$2 value='' try=0
    shift 2
    while [ $try -lt 50 ]; do
        value=$("$@") || true # grep -c that finds none
        [ "$value" != "$wanted" ] || return 0
        sleep 0.1
        try=$((try + 1))
    done
    complain "$what: wanted $wanted, still $value"
}

# run NAME FUNCTION: no shell ends at a failed command in a condition, hence the detour
run() {
    (
        set -e
        "$2"
    )
    # shellcheck disable=SC2181
    if [ $? -eq 0 ]; then
        echo "PASS $mode/$1"
    else
        tail -n 12 /run/ntc.log | sed 's/^/    ntc: /'
        echo "FAIL $mode/$1"
    fi
    tests=$((tests + 1))
}

# --- the tests, in this order

foreign_filter() {
    on_host /tools/tc qdisc add dev eth0 clsact 2>/dev/null || true
    # Classic BPF: drop (2) what goes to UDP port 7777, no opinion (-1) on all else.
    on_host /tools/tc filter replace dev eth0 ingress pref 7 handle $HANDLE bpf direct-action \
        bytecode "4,40 0 0 36,21 0 1 $FOREIGN_PORT,6 0 0 2,6 0 0 4294967295"
    same 'filters of someone else' 1 "$(filters bytecode)"
}

loads() {
    start
    same 'programs loaded' 4 "$(programs ntc_)"
    http GET /status | grep -q "\"hook\":\"$mode\"" || complain "not attached by $mode"
    if [ "$mode" = clsact ]; then
        same 'filters of ntc' 2 "$(our_filters)"
    else
        same 'filters of ntc' 0 "$(our_filters)"
    fi
}

counts_exactly() {
    local in out got
    in=$(settled UDP.*INGRESS.*PASS) out=$(packets UDP.*EGRESS.*PASS)
    got=$(number received)
    send $FRIEND $HOST $PORT 1000
    on_host traffic send $HOST $FRIEND $PORT 500
    send $FRIEND6 $HOST6 $PORT 200
    eventually 'datagrams received' $((got + 1000)) number received
    eventually 'packets in' $((in + 1200)) packets UDP.*INGRESS.*PASS
    eventually 'packets out' $((out + 500)) packets UDP.*EGRESS.*PASS
    http GET /flows | grep -q '"packets":1000[,}]' || complain 'no flow of 1000 packets'
    same drift 0 "$(metric ntc_accounting_drift_packets)"
}

event_seen() {
    grep -q "\"src\":\"$FRIEND\".*\"proto\":\"UDP\",\"action\":\"PASS\"" /run/events
}

# It is sent again until the viewer is there and has got one.
shows_events() {
    local viewer tries=30
    on_host timeout 40 wget -qO- http://127.0.0.1:8086/events >/run/events &
    viewer=$!
    until event_seen || [ $((tries -= 1)) -eq 0 ]; do
        send $FRIEND $HOST $PORT 5
        sleep 1
    done
    kill $viewer
    wait $viewer || true
    event_seen || complain 'no event seen'
}

drops() {
    local got before in
    in=$(settled UDP.*INGRESS.*PASS) got=$(number received) before=$(dropped)
    block $FOE
    send $FOE $HOST $PORT 300
    send $FRIEND $HOST $PORT 10
    eventually 'packets dropped' $((before + 300)) dropped
    same 'datagrams received' $((got + 10)) "$(number received)"
    http GET /blacklist | grep -q '"packets":300' || complain 'the entry has not 300 hits'
    http DELETE "/blacklist?ip=$FOE" >/dev/null
    send $FOE $HOST $PORT 100
    eventually 'datagrams received when unblocked' $((got + 110)) number received
    eventually 'packets in when unblocked' $((in + 110)) packets UDP.*INGRESS.*PASS
    same 'packets dropped when unblocked' $((before + 300)) "$(dropped)"
}

leaves_others_alone() {
    local before
    same 'filters of someone else' 1 "$(filters bytecode)"
    before=$(settled UDP.*INGRESS.*PASS)
    send $FRIEND $HOST $FOREIGN_PORT 20
    eventually 'packets counted' $((before + 20)) packets UDP.*INGRESS.*PASS
    same 'datagrams that filter let through' 0 "$(number foreign)"
}

# again SIGNAL [PROGRAM]: counters go on at once, nothing leaks
again() {
    local before after
    before=$(dropped)
    manager end "$1" >/run/status
    sleep 0.2
    start "${2:-ntc}"
    after=$(dropped)
    [ "$after" -ge "$before" ] || complain "dropped packets fell from $before to $after"
    same 'programs loaded for ingress' 1 "$(programs 'ntc_ingress ')"
    same 'datagrams leaked' 0 "$(number leaked)"
}

# All that was sent since `base` was dropped, and counted.
all_counted() {
    stream_end
    eventually 'packets dropped' $(($(cat /run/base) + $(number sent))) dropped
    same 'datagrams leaked' 0 "$(number leaked)"
    same drift 0 "$(metric ntc_accounting_drift_packets)"
}

restarts_without_a_gap() {
    block $FOE
    rm -f /run/sent
    dropped >/run/base
    stream_begin
    again 9
    again 15
    same 'exit status' 0 "$(cat /run/status)"
    all_counted
    if [ "$mode" = clsact ]; then same 'filters of ntc' 2 "$(our_filters)"; fi
}

upgrades_without_a_gap() {
    local before old new
    rm -f /run/sent
    dropped >/run/base
    stream_begin
    old=$(tag)
    again 15 ntc-upgraded
    new=$(tag)
    [ "$new" != "$old" ] || complain "still the program $old"
    eventually 'another version' 1 version_lines 9.9.9
    again 9 ntc
    same 'program' "$old" "$(tag)"
    all_counted
}

version_lines() {
    http GET /metrics | grep -c "^ntc_build_info{.*version=\"$1\""
}

# Maps of another ABI or size can't be used on; what they counted is lost, the lists are not.
replaces_maps_without_a_gap() {
    stream_begin
    manager end 15 >/dev/null
    start ntc-relaid
    same 'datagrams leaked' 0 "$(number leaked)"
    configure "$mode" 2048
    manager end 9 >/dev/null
    start ntc
    http GET /blacklist | grep -q '"capacity":2048' || complain 'not the new capacity'
    sleep 0.2
    stream_end
    same 'datagrams leaked' 0 "$(number leaked)"
    eventually 'programs loaded' 4 programs ntc_
}

nothing_is_left() {
    eventually 'programs left' 0 programs ntc_
    eventually 'maps left' 0 maps
    same 'filters of ntc' 0 "$(our_filters)"
    same 'filters of someone else' 1 "$(filters bytecode)"
}

stops_clean() {
    local got
    manager end 15 >/run/status
    same 'exit status' 0 "$(cat /run/status)"
    manager drop
    on_host ntc --detach
    nothing_is_left
    got=$(number received)
    send $FOE $HOST $PORT 10
    eventually 'datagrams received without ntc' $((got + 10)) number received
    send $FRIEND $HOST $FOREIGN_PORT 20
    sleep 0.2
    same 'datagrams the filter of someone else let through' 0 "$(number foreign)"
}

# Without a service manager: a clean stop takes everything along; after a crash `ntc --detach` does.
runs_alone() {
    local signal pid
    for signal in TERM KILL; do
        nsenter --net=/run/netns/host ntc --config /run/ntc.yaml 2>>/run/ntc.log &
        pid=$!
        eventually 'programs loaded' 4 programs ntc_
        eventually health ok health
        kill -$signal $pid
        wait $pid || [ $signal = KILL ]
        [ $signal = TERM ] || on_host ntc --detach
        nothing_is_left
    done
}

health() {
    http GET /healthz >/dev/null 2>&1 && echo ok
}

prepare
tests=0
# shellcheck disable=SC2154 # from the kernel's command line
native=${modes%%,*}
for mode in $(echo "$modes" | tr , ' '); do
    rm -rf /run/state/*
    configure "$mode"
    run foreign-filter foreign_filter
    run loads loads
    run counts-exactly counts_exactly
    run shows-events shows_events
    run drops drops
    run leaves-others-alone leaves_others_alone
    run restarts-without-a-gap restarts_without_a_gap
    run upgrades-without-a-gap upgrades_without_a_gap
    run replaces-maps-without-a-gap replaces_maps_without_a_gap
    run stops-clean stops_clean
    run runs-alone runs_alone
done
echo "END $tests"
poweroff -f
