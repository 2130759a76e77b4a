# shellcheck shell=sh
# Part of labs/hosts: worlds, with a mount table, a network and, for an ordinary
# user, a root of their own.

# A world of `up` or `shell` is known by its first process, in whose
# environment stands SOCKLAB_WORLD=UID-PID-WHICH: so that the other terminals
# of the same user find it, and no file is left behind.

unshare_flags=-nm
[ "$uid" = 0 ] || unshare_flags=-rnm

may_have_worlds() {
    need unshare util-linux
    need ip iproute2
    said=$(unshare $unshare_flags ip link set lo up 2>&1) && return
    [ "$uid" != 0 ] ||
        fail "root may not make namespaces here: $said; a container? run it with --privileged"
    set_to() { [ "$(cat "/proc/sys/$1" 2>/dev/null)" = "$2" ]; }
    mend='in a container run it with --privileged'
    if set_to kernel/unprivileged_userns_clone 0; then
        mend='sudo sysctl kernel.unprivileged_userns_clone=1'
    elif set_to kernel/apparmor_restrict_unprivileged_userns 1; then
        mend='sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0'
    elif set_to user/max_user_namespaces 0; then
        mend='sudo sysctl user.max_user_namespaces=10000'
    fi
    fail "without root this takes user namespaces, and they are not allowed here: $said;" \
        "either $mend, or: sudo labs/hosts"
}

# The first act in a new world: names of its own, and a /run/netns that no one
# else sees.
settle_world() {
    # Without the folder, and without the right to make it, all of /run is our own.
    [ -d /run/netns ] || { mount -t tmpfs tmpfs /run && mkdir /run/netns; } || return
    mount -t tmpfs socklab /run/netns || return
    hosts_file >/run/netns/hosts && mount --bind /run/netns/hosts /etc/hosts || return
    if [ -e /etc/gai.conf ]; then
        gai_file >/run/netns/gai && mount --bind /run/netns/gai /etc/gai.conf || return
    fi
    # A second one hides these files, which `ip netns list` would take for networks.
    mount -t tmpfs socklab /run/netns || return
    ip link set lo up
}

# The worlds of this user: "PID WHICH", a line each.
worlds() {
    grep -ls "SOCKLAB_WORLD=$uid-" /proc/[0-9]*/environ 2>/dev/null | while read -r file; do
        pid=${file#/proc/}
        pid=${pid%/environ}
        tr '\0' '\n' <"$file" 2>/dev/null | sed -n "s/^SOCKLAB_WORLD=$uid-$pid-/$pid /p"
    done
}

# enter PID COMMAND...: in that world, in the same folder.
enter() {
    need nsenter util-linux
    pid=$1
    shift
    as_user=''
    [ "$uid" = 0 ] || as_user='-U --preserve-credentials'
    # shellcheck disable=SC2016,SC2086
    exec nsenter -t "$pid" $as_user -m -n sh -c 'cd "$0" 2>/dev/null; exec "$@"' "$PWD" "$@"
}

# where_they_are COMMAND...: goes on if the hosts are in front of us; else does
# the command in the world that has them; fails (returns 1) if there is none.
where_they_are() {
    need ip iproute2
    if [ "$uid" = 0 ]; then
        if exists router; then return; fi
        # Who is in a world already looks for no other.
        if in_world; then return 1; fi
    fi
    found=$(worlds)
    case $found in
        '') return 1 ;;
        *'
'*) fail "more than one world of yours is up: processes $(echo "$found" | cut -d ' ' -f 1 |
            paste -s -d ' '); leave all but one of those shells" ;;
    esac
    world=${found% *}
    if [ "$1" = down ]; then
        (enter "$world" "$self" down) || exit
        # What `up` left there to hold it is no longer needed; a shell is.
        if [ "${found#* }" = up ]; then
            kill "$world"
            # Whoever asks next must not find it on its way out.
            tries=100
            while [ $tries -gt 0 ] && worlds | grep -q "^$world "; do
                sleep 0.05
                tries=$((tries - 1))
            done
        fi
        exit 0
    fi
    enter "$world" "$self" "$@"
}

must_be_up() {
    where_they_are "$@" && return
    if [ "$uid" != 0 ] && exists router; then
        fail "the hosts that are up are root's: sudo labs/hosts $1 ...; or: labs/hosts up"
    fi
    fail 'the hosts are not up; bring them up with: labs/hosts up'
}

# For an ordinary user: a world that stays when this script ends, held by a
# process that does nothing.
up_in_a_world() {
    where_they_are up
    may_have_worlds
    # shellcheck disable=SC2016
    world=$(
        (
            cd / || exit
            setsid sh -c 'export SOCKLAB_WORLD="$0-$$-up"; exec unshare -rnm "$1" world hold' \
                "$uid" "$self" </dev/null 2>/dev/null &
        ) | head -n 1
    )
    [ -n "$world" ] || fail 'cannot hold a world of your own; use: labs/hosts shell'
    enter "$world" "$self" up
}

world_hold() {
    settle_world || exit
    echo $$ # settled: whoever waits for this line may come in
    exec sleep 2147483647 >/dev/null
}

# For the tests, which execute each sheet in a world: settled, nothing up, and
# with a /tmp of its own, since a sheet leaves files there.
world_bare() {
    settle_world && empty_tmp || exit
    exec "$@"
}

# The project may stand in /tmp itself, and is needed.
empty_tmp() {
    project=${folder%/labs/hosts.d}
    mount -t tmpfs -o mode=1777 socklab /run/netns || return
    case $project in
    /tmp/*)
        place=/run/netns${project#/tmp}
        mkdir -p "$place" && mount --rbind "$project" "$place" || return
        ;;
    esac
    mount --move /run/netns /tmp || return
    export TMPDIR=/tmp
    # What was open before is still in the folder that is hidden now.
    cd "$PWD" || return
}

world_run() {
    settle_world || fail 'cannot settle in a world of its own'
    up
    command -v "$1" >/dev/null || not_found "$1"
    "$@"
    exit # with its status; as the first process of its world, it ends all others
}

world_shell() {
    settle_world || fail 'cannot settle in a world of its own'
    hostname "${1:-socklab}" 2>/dev/null
    up
    picture
    echo '  This is a world of its own, which other terminals of yours can reach by'
    echo '  labs/hosts exec. It ends when you leave this shell (exit).'
    echo
    trap : INT # Ctrl-C is for what runs in the shell
    trap 'take_down; exit 143' HUP TERM
    if [ $# = 0 ]; then "$(a_shell)"; else on "$1" "$(a_shell)"; fi
    status=$?
    take_down
    exit $status
}

a_shell() {
    shell=${SHELL:-/bin/sh}
    case $shell in */nologin | */false) shell=/bin/sh ;; esac
    echo "$shell"
}

not_found() {
    echo "hosts: cannot run $1: there is no such command in \$PATH" >&2
    exit 127
}
