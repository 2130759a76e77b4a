# shellcheck shell=sh
# Part of labs/hosts: the network itself, its addresses, and how it comes up and
# goes down again.

# number HOST: 1 or 2, of which the addresses are made.
number() { case $1 in alice) echo 1 ;; bob) echo 2 ;; esac; }

# mac NETWORK END: fixed, so that the link-local address is known as well:
# alice has fe80::ff:fe00:102, and the router fe80::ff:fe00:101 on her cable.
mac() { echo "02:00:00:00:0$1:0$2"; }

on() { # on HOST COMMAND...
    namespace=socklab-$1
    shift
    ip netns exec "$namespace" "$@"
}

exists() { [ -e "/run/netns/socklab-$1" ]; }

# mount_of FOLDER: the number of the mount that is seen there. mountinfo alone
# does not tell: it also lists those that are hidden beneath another.
mount_of() { sed -n 's/^mnt_id:[[:space:]]*//p' /proc/self/fdinfo/3 3<"$1"; }
is_mount() { [ -d "$1" ] && [ "$(mount_of "$1")" != "$(mount_of "$1/..")" ]; }

# True in a world (see below), where /run/netns is a tmpfs named socklab.
in_world() {
    [ -d /run/netns ] && grep -q "^$(mount_of /run/netns) .* - tmpfs socklab " /proc/self/mountinfo
}

# note HOST KEY, set_note HOST KEY [VALUE]: what is remembered of a host.
alias_of() { ip -n "socklab-$1" link show dev lo 2>/dev/null | sed -n 's/^ *alias //p'; }
note() { alias_of "$1" | tr ' ' '\n' | sed -n "s/^$2=//p"; }
set_note() {
    others=$(alias_of "$1" | tr ' ' '\n' | grep -v "^$2=" | tr '\n' ' ')
    others=${others% }
    new=${3:+$2=$3}
    ip -n "socklab-$1" link set dev lo alias "$others${others:+${new:+ }}$new"
}

# Complete only when `up` came to its end.
are_up() { exists router && [ -n "$(note router up)" ]; }

ipv6() { [ -e /proc/sys/net/ipv6 ]; }

# The commands for `ip -batch` that give HOST its end of the cable.
settings_of_host() {
    n=$(number "$1")
    cat <<LINES
link set lo up
link set eth0 up
addr replace 10.0.$n.2/24 dev eth0
route replace default via 10.0.$n.1
LINES
    # nodad: usable at once. Nobody else is on that cable.
    ! ipv6 || cat <<LINES
addr replace fd00:$n::2/64 dev eth0 nodad
route replace default via fd00:$n::1 dev eth0
LINES
}

settings_of_router() {
    echo link set lo up
    for n in 1 2; do
        [ $n = 1 ] && cable=alice || cable=bob
        echo link set "$cable" up
        echo addr replace 10.0.$n.1/24 dev "$cable"
        ! ipv6 || echo addr replace fd00:$n::1/64 dev "$cable" nodad
    done
}

settle() { # settle HOST: its addresses and routes, whatever is there already
    if [ "$1" = router ]; then settings_of_router; else settings_of_host "$1"; fi |
        ip -n "socklab-$1" -batch - 2>&1
}

# The kernel's own settings, before any interface is up.
sysctls() { # sysctls HOST
    # shellcheck disable=SC2016  # $1 belongs to the shell inside
    on "$1" sh -c '
        cd /proc/sys/net || exit
        if [ "$1" = router ]; then
            echo 1 >ipv4/ip_forward || exit
            [ ! -e ipv6 ] || echo 1 >ipv6/conf/all/forwarding || exit
        fi
        [ -e ipv6 ] || exit 0
        for conf in all default; do
            # No wait for duplicate addresses, and no asking for other routers.
            echo 0 >ipv6/conf/$conf/accept_dad || exit
            echo 0 >ipv6/conf/$conf/router_solicitations || exit
        done' sh "$1"
}

hosts_file() {
    printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n'
    printf '10.0.1.2 alice\n10.0.2.2 bob\n10.0.1.1 router\n10.0.2.1 router\n'
    ! ipv6 || printf 'fd00:1::2 alice\nfd00:2::2 bob\nfd00:1::1 router\nfd00:2::1 router\n'
}

# So that a name's IPv4 address is tried first (gai.conf(5)).
gai_file() { printf 'precedence ::ffff:0:0/96 100\n'; }

# The hosts' names, without touching the machine's /etc/hosts: `ip netns exec`
# lays the files of /etc/netns/NAME over those of /etc. (A world has its own
# /etc/hosts from the start, see settle_world.)
give_names() {
    if in_world; then return; fi
    for host in $all; do
        mkdir -p "/etc/netns/socklab-$host" &&
            hosts_file >"/etc/netns/socklab-$host/hosts" || return
        [ ! -e /etc/gai.conf ] || gai_file >"/etc/netns/socklab-$host/gai.conf" || return
    done
}

take_names() {
    if in_world; then return; fi
    for host in $all; do rm -rf "/etc/netns/socklab-$host"; done
}

up() {
    need ip iproute2
    not_on_a_host
    if are_up; then return; fi
    take_down # what an `up` left that was stopped half way
    # What was not there before is not to be there after `down`.
    mine=''
    [ -d /etc/netns ] || mine=$mine,/etc/netns
    [ -d /run/netns ] || mine=$mine,/run/netns
    is_mount /run/netns || mine=$mine,mount
    undo=take_down
    trap 'fail "stopped half way; what was up is down again"' INT TERM
    for host in $all; do
        what="make $host (are you root? labs/hosts shell needs no root)"
        try "$what" ip netns add "socklab-$host"
        try "set up $host's kernel settings in /proc/sys (a container? run it with --privileged)" \
            sysctls "$host"
    done
    set_note router mine "${mine#,}"
    for host in alice bob; do
        n=$(number $host)
        # Both ends are made where they belong: nothing passes through the
        # machine's own network, not for a moment.
        try "lay $host's cable" ip -n socklab-$host link add eth0 address "$(mac "$n" 2)" \
            type veth peer name $host address "$(mac "$n" 1)" netns socklab-router
    done
    for host in $all; do try "give $host its addresses" settle "$host"; done
    try 'give the hosts their names' give_names
    set_note router up yes
    undo=:
    trap - INT TERM
}

# Ends what runs on a host, and says what that was.
end_processes() {
    for signal in TERM KILL; do
        pids=$(ip netns pids "socklab-$1")
        [ -n "$pids" ] || return 0
        [ $signal = KILL ] || echo "hosts: ended on $1: $(running "$1")" >&2
        # shellcheck disable=SC2086  # a word for each process
        kill -$signal $pids 2>/dev/null
        tries=20
        while [ $tries -gt 0 ] && [ -n "$(ip netns pids "socklab-$1")" ]; do
            sleep 0.1
            tries=$((tries - 1))
        done
    done
    pids=$(ip netns pids "socklab-$1")
    [ -z "$pids" ] || echo "hosts: still running on $1: $(running "$1")" >&2
}

running() {
    ip netns pids "socklab-$1" | while read -r pid; do
        name=$(cat "/proc/$pid/comm" 2>/dev/null) && echo "$name ($pid)"
    done | paste -s -d , | sed 's/,/, /g'
}

take_down() {
    mine=''
    ! exists router || mine=$(note router mine)
    for host in $all; do
        exists "$host" || continue
        end_processes "$host"
        ip netns del "socklab-$host"
    done
    take_names
    # These fail, as they should, when others have come to use them.
    case ,$mine, in *,mount,*) umount -n /run/netns 2>/dev/null ;; esac
    case ,$mine, in *,/run/netns,*) rmdir /run/netns 2>/dev/null ;; esac
    case ,$mine, in *,/etc/netns,*) rmdir /etc/netns 2>/dev/null ;; esac
    return 0
}

# On a host the mounts are that host's own copies, and down would end itself.
not_on_a_host() {
    here=$(ip netns identify $$ 2>/dev/null | sed -n 's/^socklab-//p')
    [ -z "$here" ] || fail "this shell is on $here; leave it first (exit)"
}

picture() {
    cat <<'PICTURE'

  +-----------+             +---------------------+             +-----------+
  |   alice   |             |       router        |             |    bob    |
  |      eth0 |-------------| alice           bob |-------------| eth0      |
  |  10.0.1.2 |             | 10.0.1.1   10.0.2.1 |             | 10.0.2.2  |
  | fd00:1::2 |             | fd00:1::1 fd00:2::1 |             | fd00:2::2 |
  +-----------+             +---------------------+             +-----------+

  labs/hosts exec alice ping -c 3 bob       a packet there and back
  labs/hosts exec alice traceroute bob      the way it takes
  labs/hosts loss bob 20%                   a bad cable; then ping again
  labs/hosts status                         what is set
  labs/hosts down                           when you are done

PICTURE
}
