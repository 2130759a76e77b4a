# shellcheck shell=sh
# Part of labs/hosts: what can be made to go wrong.

# millionths RATE: 20%, 0.2 and 1/5 are 200000.
millionths() {
    echo "$1" | awk '
        /^[0-9]*\.?[0-9]+%$/             { rate = $1 / 100; good = 1 }
        /^[0-9]*\.?[0-9]+$/              { rate = $1; good = 1 }
        /^[0-9]+\/[0-9]*[1-9][0-9]*$/    { split($1, part, "/"); rate = part[1] / part[2]; good = 1 }
        END { if (!good || rate > 1) exit 1; printf "%d", rate * 1000000 + 0.5 }'
}

# microseconds TIME: 50ms is 50000; a bare number is seconds.
microseconds() {
    echo "$1" | awk '
        /^[0-9]*\.?[0-9]+(us|ms|s|m)?$/ {
            unit = $1; sub(/^[0-9.]+/, "", unit)
            scale = unit == "us" ? 1 : unit == "ms" ? 1000 : unit == "m" ? 60000000 : 1000000
            printf "%d", $1 * scale; good = 1
        }
        END { exit !good }'
}

# netem HOST: puts the loss and the delay that are noted on the router's end of
# the cable. What netem loses there never reaches HOST's card.
netem() {
    tc -n socklab-router qdisc del dev "$1" root 2>/dev/null
    options=''
    loss=$(note "$1" netem)
    delay=$(note "$1" delay_us)
    [ -z "$loss" ] || options="loss $loss"
    [ -z "$delay" ] || options="$options delay ${delay}us"
    if [ -n "$options" ]; then
        # shellcheck disable=SC2086
        tc -n socklab-router qdisc add dev "$1" root netem limit 10000 $options 2>/dev/null
    fi
}

# neighbours HOST replace|del: netem would lose ARP and neighbour discovery
# too, and one such loss holds up all packets for a second; so while it loses,
# the two ends of the cable know each other by heart.
neighbours() {
    n=$(number "$1")
    for net in "10.0.$n." "fd00:$n::"; do
        ip -n socklab-router neigh "$2" "${net}2" lladdr "$(mac "$n" 2)" dev "$1" nud permanent
        ip -n "socklab-$1" neigh "$2" "${net}1" lladdr "$(mac "$n" 1)" dev eth0 nud permanent
    done 2>/dev/null
    return 0
}

# The two firewalls drop at the same place, as the router hands the packet to
# the cable, and leave neighbour discovery alone (ARP does not pass there).
lose_by_nft() { # lose_by_nft HOST MILLIONTHS
    on router nft -f - 2>/dev/null <<RULES
add table inet socklab_$1
add chain inet socklab_$1 cable { type filter hook postrouting priority 0; }
flush chain inet socklab_$1 cable
add rule inet socklab_$1 cable oifname != "$1" accept
add rule inet socklab_$1 cable icmpv6 type { 133, 134, 135, 136 } accept
add rule inet socklab_$1 cable numgen random mod 1000000 < $2 drop
RULES
}

lose_by_iptables() { # lose_by_iptables HOST MILLIONTHS
    chance=$(awk -v n="$2" 'BEGIN { printf "%.6f", n / 1000000 }')
    for tables in iptables ip6tables; do
        [ $tables = iptables ] || ipv6 || continue
        on router sh -c "set -e
            $tables -t mangle -N socklab_$1
            for type in 133 134 135 136; do
                [ $tables = iptables ] ||
                    $tables -t mangle -A socklab_$1 -p icmpv6 --icmpv6-type \$type -j RETURN
            done
            $tables -t mangle -A socklab_$1 -m statistic --mode random --probability $chance -j DROP
            $tables -t mangle -A POSTROUTING -o $1 -j socklab_$1" 2>/dev/null || return
    done
}

lose_nothing() { # lose_nothing HOST
    if [ -n "$(note "$1" netem)" ]; then
        set_note "$1" netem
        netem "$1"
        neighbours "$1" del
    fi
    on router nft delete table inet "socklab_$1" 2>/dev/null
    for tables in iptables ip6tables; do
        on router sh -c "
            $tables -t mangle -D POSTROUTING -o $1 -j socklab_$1
            $tables -t mangle -F socklab_$1
            $tables -t mangle -X socklab_$1" 2>/dev/null
    done
    set_note "$1" loss
}

set_loss() { # set_loss HOST RATE
    is_end "$1"
    millionths=$(millionths "$2") || fail "'$2' is no rate; write 20%, 0.2 or 1/5"
    lose_nothing "$1"
    percent=$(awk -v n="$millionths" 'BEGIN { printf "%.6g%%", n / 10000 }')
    if [ "$millionths" = 0 ]; then
        echo "no packet is lost on its way to $1"
        return
    fi
    set_note "$1" netem "$percent"
    if netem "$1"; then
        by=netem
        neighbours "$1" replace
    else
        set_note "$1" netem
        if lose_by_nft "$1" "$millionths"; then
            by=nftables
        elif lose_by_iptables "$1" "$millionths"; then
            by=iptables
        else
            lose_nothing "$1"
            fail "cannot lose packets: the kernel has no netem, and neither nft nor iptables" \
                "works; on Debian: apt-get install nftables iptables"
        fi
    fi
    set_note "$1" loss "$percent/$by"
    echo "$percent of the packets on their way to $1 are lost (by $by, at the router's end of the cable)"
}

set_delay() { # set_delay HOST TIME
    is_end "$1"
    us=$(microseconds "$2") || fail "'$2' is no time; write 50ms, 0.05s or 0"
    before=$(note "$1" delay_us)
    [ "$us" != 0 ] || us=''
    set_note "$1" delay_us "$us"
    if ! netem "$1"; then
        set_note "$1" delay_us "$before"
        fail "cannot delay packets: this kernel has no netem (CONFIG_NET_SCH_NETEM);" \
            "our servers can: start udp_ping_server or tcp_ping server with --delay $2"
    fi
    set_note "$1" delay "${us:+$2}"
    echo "packets on their way to $1 are held up by $2"
}

# The chain socklab in a host's firewall is written anew from what is noted, as
# "icmp/host-unreachable,udp/port-unreachable".
write_rejects() { # write_rejects HOST LIST
    for tables in iptables ip6tables; do
        [ $tables = iptables ] || ipv6 || continue
        on "$1" $tables -D INPUT -j socklab 2>/dev/null
        on "$1" $tables -D FORWARD -j socklab 2>/dev/null
        on "$1" $tables -F socklab 2>/dev/null
        on "$1" $tables -X socklab 2>/dev/null
        [ -n "$2" ] || continue
        on "$1" $tables -N socklab && on "$1" $tables -I INPUT -j socklab &&
            on "$1" $tables -I FORWARD -j socklab || return
        for pair in $(echo "$2" | tr , ' '); do
            error=${pair#*/}
            case $tables-${pair%/*} in
                # Only the asking: an error is never answered by an error, and
                # IPv6 would lose its neighbours.
                iptables-icmp) match='icmp --icmp-type echo-request' ;;
                ip6tables-icmp) match='icmpv6 --icmpv6-type echo-request' ;;
                *) match=${pair%/*} ;;
            esac
            if [ $tables = ip6tables ]; then
                case $error in
                    net-unreachable) error=icmp6-no-route ;;
                    host-unreachable) error=icmp6-addr-unreachable ;;
                    port-unreachable) error=icmp6-port-unreachable ;;
                    *-prohibited) error=icmp6-adm-prohibited ;;
                    *) continue ;; # ICMPv6 has no such error
                esac
            else
                error=icmp-$error
            fi
            # shellcheck disable=SC2086
            on "$1" $tables -A socklab -p $match -j REJECT --reject-with $error || return
        done
    done
}

set_reject() { # set_reject HOST PROTOCOL ERROR, HOST PROTOCOL off, HOST off
    is_host "$1"
    need iptables iptables
    error=${3:-$2}
    rejects=''
    if [ $# = 3 ]; then
        case $2 in
            icmp | udp | tcp) ;;
            *) fail "cannot reject '$2'; the protocols are icmp, udp and tcp" ;;
        esac
        rejects=$(note "$1" reject | tr , '\n' | grep -v "^$2/" | paste -s -d ,)
    fi
    case $error in
        net-unreachable | host-unreachable | port-unreachable | proto-unreachable | \
            net-prohibited | host-prohibited | admin-prohibited)
            [ $# = 3 ] || fail 'say of which protocol: labs/hosts reject HOST icmp|udp|tcp ERROR'
            rejects=$rejects${rejects:+,}$2/$error
            ;;
        off) ;;
        *) fail "'$error' is no ICMP error that can be sent; labs/hosts --help lists them" ;;
    esac
    try "write $1's firewall rules" write_rejects "$1" "$rejects"
    set_note "$1" reject "$rejects"
    say_rejects "$1" "$rejects"
    [ -n "$rejects" ] || echo "$1 rejects nothing"
}

say_rejects() { # say_rejects HOST LIST
    echo "$2" | tr , '\n' | sed -n "s,\(.*\)/\(.*\),$1 rejects \1 with \2,p"
}

set_mtu() { # set_mtu HOST BYTES
    is_end "$1"
    case $2 in
        '' | *[!0-9]*) fail "'$2' is no number of bytes; write 1280 to 65535" ;;
    esac
    if [ "$2" -lt 1280 ] || [ "$2" -gt 65535 ]; then
        fail "an MTU of $2 cannot be: IPv6 asks for 1280 at least, veth for 65535 at most"
    fi
    try "set the MTU of $1" ip -n "socklab-$1" link set dev eth0 mtu "$2"
    try "set the MTU of the router" ip -n socklab-router link set dev "$1" mtu "$2"
    # What the hosts learnt of the path is no longer so.
    for host in $all; do
        for family in -4 -6; do ip $family -n "socklab-$host" route flush cache 2>/dev/null; done
    done
    echo "packets of up to $2 bytes fit on $1's cable"
}

set_link() { # set_link HOST up|down
    is_end "$1"
    case $2 in
        # HOST's end: the router then sees a dead cable, as if the plug were out.
        down) try "pull $1's plug" ip -n "socklab-$1" link set dev eth0 down ;;
        # Going down took the default route and the IPv6 address with it.
        up) try "put $1's plug back" settle "$1" ;;
        *) fail "a link is up or down, not '$2'" ;;
    esac
    echo "$1's link is $2"
}

set_ratelimit() { # set_ratelimit HOST off|on
    is_host "$1"
    case $2 in off) ms=0 ;; on) ms=1000 ;; *) fail "the rate limit is on or off, not '$2'" ;; esac
    try "set $1's rate limit" on "$1" sh -c "echo $ms >/proc/sys/net/ipv4/icmp_ratelimit &&
        if [ -e /proc/sys/net/ipv6 ]; then echo $ms >/proc/sys/net/ipv6/icmp/ratelimit; fi"
    off=''
    [ "$ms" != 0 ] || off=off
    set_note "$1" ratelimit $off
    echo "$1's ICMP errors: rate limit $2"
}
