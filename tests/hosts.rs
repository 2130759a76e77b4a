//! `labs/hosts`, two hosts on one machine: each test in a world of its own.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::thread;

use common::{have, lacks, skip};

/// What `labs/hosts` itself needs.
const TOOLS: [&str; 5] = ["timeout", "unshare", "nsenter", "ip", "ping"];

/// `command`, with an end to it, in the project's folder.
fn command(words: &[&str]) -> Command {
    let mut command = common::tool("timeout");
    command.args(["--kill-after=5", "240"]).args(words).current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn hosts(words: &[&str]) -> Output {
    command(&[&["labs/hosts"], words].concat()).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Why `test` cannot run here, said loudly.
fn cannot(test: &str, tools: &[&str]) -> bool {
    let why = lacks(&[&TOOLS, tools].concat()).or_else(|| {
        let tried = hosts(&["run", "true"]);
        (!tried.status.success()).then(|| stderr(&tried))
    });
    if let Some(why) = &why {
        skip(test, why.trim());
    }
    why.is_some()
}

/// Runs a script in a world where the hosts are up, `$H` being labs/hosts;
/// gives what it wrote. A command that fails ends it.
fn in_world(script: &str) -> String {
    let script = format!("set -e; H=labs/hosts; {script}");
    let output = hosts(&["run", "sh", "-c", &script]);
    assert!(output.status.success(), "{script}\n{output:#?}");
    stdout(&output)
}

/// A folder with a program of ours in it, to stand first in PATH.
fn fake(test: &str, name: &str, script: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("socklab-{test}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(name), format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// The number before `word` in ping's summary.
fn count(text: &str, word: &str) -> u64 {
    let (before, _) = text.split_once(word).unwrap_or_else(|| panic!("no {word:?} in {text}"));
    before.split_whitespace().next_back().unwrap().parse().unwrap()
}

#[test]
fn from_alice_to_bob_there_is_a_router() {
    if cannot("from_alice_to_bob_there_is_a_router", &["traceroute"]) {
        return;
    }
    let said = in_world(
        "$H exec alice ping -c 1 bob
        $H exec bob ping -6 -c 1 alice
        $H exec alice ping -c 1 fe80::ff:fe00:101%eth0
        $H exec alice traceroute -n bob
        $H exec alice traceroute -6 -n bob",
    );
    for expected in [
        "from bob (10.0.2.2): icmp_seq=1 ttl=63 ",
        "from alice (fd00:1::2): icmp_seq=1 ttl=63 ",
        "from fe80::ff:fe00:101%eth0: icmp_seq=1 ttl=64 ",
        "\n 1  10.0.1.1 ",
        "\n 2  10.0.2.2 ",
        "\n 1  fd00:1::1 ",
        "\n 2  fd00:2::2 ",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in\n{said}");
    }
}

/// Loses a fifth, by whatever is there when `path` stands first in PATH.
fn a_fifth_is_lost(path: &str, by: &str) {
    let said = in_world(&format!(
        "PATH={path}:$PATH
        $H loss bob 20%
        $H status
        $H exec alice ping -q -f -c 2000 bob
        $H exec alice ping -6 -q -f -c 2000 bob
        $H loss bob 0
        $H exec alice ping -q -f -c 500 bob"
    ));
    let by = format!("20% {by}");
    assert!(said.lines().any(|line| line.starts_with("bob ") && line.contains(&by)), "{said}");
    let mut received = said.lines().filter(|line| line.contains(" received"));
    for _ in 0..2 {
        // Of 2000 with p = 0.8, 1600 arrive with a standard deviation of 17.9;
        // five of these are passed once in two million runs.
        let number = count(received.next().unwrap(), " received");
        assert!((1511..=1689).contains(&number), "{said}");
    }
    assert_eq!(count(received.next().unwrap(), " received"), 500, "{said}");
}

#[test]
fn a_fifth_is_lost_by_whatever_this_kernel_has() {
    if !cannot("a_fifth_is_lost_by_whatever_this_kernel_has", &[]) {
        a_fifth_is_lost("/nowhere", "");
    }
}

#[test]
fn a_fifth_is_lost_by_nftables_where_there_is_no_netem() {
    let test = "a_fifth_is_lost_by_nftables_where_there_is_no_netem";
    if !cannot(test, &["nft"]) {
        let folder = fake("nft", "tc", "exit 2");
        a_fifth_is_lost(&folder.display().to_string(), "nftables");
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn a_fifth_is_lost_by_iptables_where_there_is_nothing_else() {
    let test = "a_fifth_is_lost_by_iptables_where_there_is_nothing_else";
    if !cannot(test, &["iptables"]) {
        let folder = fake("iptables", "tc", "exit 2");
        fake("iptables", "nft", "exit 1");
        a_fifth_is_lost(&folder.display().to_string(), "iptables");
        fs::remove_dir_all(folder).unwrap();
    }
}

#[test]
fn netem_is_put_where_the_router_sends_to_the_host() {
    if cannot("netem_is_put_where_the_router_sends_to_the_host", &[]) {
        return;
    }
    let folder = fake("netem", "tc", r#"printf "%s\n" "$*" >>"$(dirname "$0")/said""#);
    let path = folder.display();
    let said = in_world(&format!(
        "PATH={path}:$PATH
        $H loss bob 1/8
        $H exec router ip neigh show nud permanent dev bob
        $H exec bob ip neigh show nud permanent dev eth0
        $H delay bob 50ms
        $H delay alice 1.5s
        $H status
        $H loss bob 0
        echo pinned: $($H exec bob ip neigh show nud permanent dev eth0)
        $H delay bob 0"
    ));
    let tc = fs::read_to_string(folder.join("said")).unwrap();
    let added: Vec<&str> = tc.lines().filter(|line| line.contains(" add ")).collect();
    let start = "-n socklab-router qdisc add dev";
    assert_eq!(
        added,
        [
            format!("{start} bob root netem limit 10000 loss 12.5%"),
            format!("{start} bob root netem limit 10000 loss 12.5% delay 50000us"),
            format!("{start} alice root netem limit 10000 delay 1500000us"),
            format!("{start} bob root netem limit 10000 delay 50000us"),
        ]
    );
    let last = tc.lines().last();
    assert_eq!(last, Some("-n socklab-router qdisc del dev bob root"), "{tc}");
    for expected in [
        "12.5% of the packets on their way to bob are lost (by netem",
        "10.0.2.2 lladdr 02:00:00:00:02:02 PERMANENT",
        "fd00:2::1 lladdr 02:00:00:00:02:01",
        "12.5% netem  50ms\n",
        "-            1.5s\n",
        "\npinned:\n",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in\n{said}");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn without_netem_a_delay_is_refused_with_a_word_on_what_to_do() {
    if cannot("without_netem_a_delay_is_refused_with_a_word_on_what_to_do", &[]) {
        return;
    }
    let folder = fake("no-netem", "tc", "exit 2");
    let path = folder.display();
    let said = in_world(&format!("PATH={path}:$PATH; $H delay bob 50ms 2>&1 || echo status $?"));
    assert!(said.starts_with("hosts: cannot delay packets: this kernel has no netem"), "{said}");
    assert!(said.ends_with("--delay 50ms\nstatus 2\n"), "{said}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_rejected_brings_the_error_that_was_named() {
    if cannot("what_is_rejected_brings_the_error_that_was_named", &["iptables"]) {
        return;
    }
    let errors = [
        ("net-unreachable", "Destination Net Unreachable", "No route"),
        ("host-unreachable", "Destination Host Unreachable", "Address unreachable"),
        ("port-unreachable", "Destination Port Unreachable", "Port unreachable"),
        ("proto-unreachable", "Destination Protocol Unreachable", ""),
        ("net-prohibited", "Destination Net Prohibited", "Administratively prohibited"),
        ("host-prohibited", "Destination Host Prohibited", "Administratively prohibited"),
        ("admin-prohibited", "Packet filtered", "Administratively prohibited"),
    ];
    for host in ["bob", "router"] {
        let mut script = format!("$H ratelimit {host} off;");
        for (error, _, _) in errors {
            script += &format!(
                "$H reject {host} icmp {error}
                $H exec alice ping -c 1 -W 1 bob || :
                $H exec alice ping -6 -c 1 -W 1 bob || :
                "
            );
        }
        let said = in_world(&format!("{script} $H reject {host} off; $H exec alice ping -c 1 bob"));
        let mut parts = said.split("rejects icmp with ").skip(1);
        for (error, v4, v6) in errors {
            let part = parts.next().unwrap();
            assert!(part.starts_with(error), "{said}");
            let v4_from = if host == "bob" { "bob (10.0.2.2)" } else { "router (10.0.1.1)" };
            let v4 = format!("From {v4_from} icmp_seq=1 {v4}");
            assert!(part.contains(&v4), "{v4:?} is not in\n{part}");
            // ICMPv6 has no such error as the fourth: that one is let through.
            let expected =
                if v6.is_empty() { " 1 received" } else { &format!("unreachable: {v6}") };
            assert!(part.contains(expected), "{expected:?} is not in\n{part}");
        }
        assert!(said.contains(&format!("{host} rejects nothing")), "{said}");
        assert!(said.contains("from bob (10.0.2.2): icmp_seq=1"), "{said}");
    }
}

#[test]
fn each_protocol_has_its_own_error() {
    if cannot("each_protocol_has_its_own_error", &["iptables"]) {
        return;
    }
    let said = in_world(
        "$H reject bob icmp host-unreachable
        $H reject bob udp admin-prohibited
        $H reject bob icmp net-unreachable
        echo now:
        $H status
        $H reject bob icmp off
        $H exec bob iptables -S socklab
        $H reject bob off
        echo then:
        $H exec bob iptables -S",
    );
    let (_, now) = said.split_once("now:\n").unwrap();
    let (now, then) = now.split_once("then:\n").unwrap();
    let rejects: Vec<&str> = now.lines().filter(|line| line.contains(" with ")).collect();
    let udp = "bob rejects udp with admin-prohibited";
    assert_eq!(rejects, [udp, "bob rejects icmp with net-unreachable", udp], "{said}");
    assert!(now.contains("-p udp -j REJECT --reject-with icmp-admin-prohibited"), "{said}");
    assert!(!now.contains("-p icmp"), "{said}");
    assert_eq!(then, "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT ACCEPT\n");
}

#[test]
fn a_packet_too_long_for_the_cable_brings_the_mtu() {
    if cannot("a_packet_too_long_for_the_cable_brings_the_mtu", &[]) {
        return;
    }
    let said = in_world(
        "$H mtu bob 1400
        $H exec alice ping -M do -s 1400 -c 1 bob || :
        $H exec alice ping -6 -M do -s 1400 -c 1 bob || :
        $H mtu bob 1500
        echo then:
        $H exec alice ping -M do -s 1400 -c 1 bob
        $H exec alice ping -6 -M do -s 1400 -c 1 bob",
    );
    let (now, then) = said.split_once("then:\n").unwrap();
    assert!(now.contains("From router (10.0.1.1) icmp_seq=1 Frag needed"), "{said}");
    assert!(now.contains("mtu = 1400"), "{said}");
    assert!(now.contains("Packet too big: mtu=1400"), "{said}");
    assert_eq!(then.matches(" 1 received").count(), 2, "{said}");
}

#[test]
fn a_pulled_plug_is_an_unreachable_host_until_it_is_put_back() {
    if cannot("a_pulled_plug_is_an_unreachable_host_until_it_is_put_back", &[]) {
        return;
    }
    let said = in_world(
        "$H link bob down
        $H status
        $H exec alice ping -c 1 bob || :
        $H link bob up
        $H exec alice ping -c 1 bob
        $H exec alice ping -6 -c 1 bob",
    );
    assert!(said.contains("From router (10.0.1.1) icmp_seq=1 Destination Host Unr"), "{said}");
    assert!(said.contains("bob     10.0.2.2          fd00:2::2           down  1500"), "{said}");
    assert_eq!(said.matches(" 1 received").count(), 2, "{said}");
}

#[test]
fn up_twice_and_down_twice_leave_nothing_behind() {
    if cannot("up_twice_and_down_twice_leave_nothing_behind", &["setsid"]) {
        return;
    }
    // As root on a machine, only that this one's /run and /etc are copies.
    let script = "set -e; H=labs/hosts
        mount -t tmpfs copy /mnt
        cp -a /etc /mnt/etc 2>/dev/null || :
        rm -rf /mnt/etc/netns
        mkdir /mnt/run /mnt/hidden
        mount --bind /mnt/etc /etc
        # As where `ip netns add` was used before: a mount that is hidden
        # beneath another still stands in mountinfo.
        mount --bind /mnt/hidden /run; ip netns add earlier
        mount --bind /mnt/run /run
        state() { ip -o link; ls -A /run /etc; grep netns /proc/self/mountinfo; ip netns list; ps ax -o args; }
        state >/mnt/before || :
        $H down
        $H up >/dev/null
        state >/mnt/between || :
        $H exec alice sh -c 'sleep 600 & sleep 600 &'
        $H up
        $H status
        $H exec alice ping -c 1 bob
        $H exec bob ping -6 -c 1 alice
        $H down; $H down
        state >/mnt/after || :
        diff /mnt/before /mnt/after && echo same
        diff /mnt/before /mnt/between || :
        $H status || echo status $?";
    let mut words = vec!["unshare", "-nm", "--pid", "--fork", "--kill-child", "--mount-proc"];
    if !nix::unistd::geteuid().is_root() {
        words.push("-r");
    }
    let output = command(&[&words[..], &["sh", "-c", script]].concat()).output().unwrap();
    let said = stdout(&output);
    assert!(output.status.success(), "{output:#?}");
    assert_eq!(said.matches(" 1 received").count(), 2, "{said}");
    assert!(said.contains("running on alice: sleep ("), "{said}");
    assert!(stderr(&output).contains("hosts: ended on alice: sleep ("), "{output:#?}");
    let (_, after) = said.split_once("same\n").unwrap_or_else(|| panic!("{output:#?}"));
    assert!(after.contains("> socklab-alice"), "{said}");
    // The machine's own interfaces were the same while the hosts were up.
    assert!(!after.contains("link/"), "{said}");
    assert!(after.ends_with("status 1\n"), "{said}");
}

#[test]
fn hosts_that_are_up_already_show_what_is_still_set() {
    if cannot("hosts_that_are_up_already_show_what_is_still_set", &["iptables"]) {
        return;
    }
    let said = in_world(
        "$H up
        echo then:
        $H loss bob 50%
        $H mtu alice 1400
        $H reject router icmp admin-prohibited
        $H ratelimit bob off
        $H link alice down
        $H exec bob sleep 600 & until $H status | grep -q 'running on bob'; do sleep 0.05; done
        echo set:
        $H up
        $H down 2>/dev/null; $H up",
    );
    let (fresh, said) = said.split_once("then:\n").unwrap();
    let (again, anew) = said.split_once("set:\n").unwrap().1.split_once("and up again").unwrap();
    for said in [fresh, anew] {
        assert!(!said.contains("still so"), "{said}");
        assert!(said.contains("labs/hosts exec alice traceroute bob"), "{said}");
    }
    for line in [
        "50% of the packets on their way to bob are lost",
        "packets of up to 1400 bytes fit on alice's cable",
        "alice's link is down",
        "router rejects icmp with admin-prohibited",
        "bob's ICMP errors: rate limit off",
        "running on bob: sleep (",
    ] {
        assert!(again.contains(&format!("\n    {line}")), "{line:?} is not in\n{again}");
    }
}

#[test]
fn worlds_stand_side_by_side_and_the_machine_sees_nothing_of_them() {
    if cannot("worlds_stand_side_by_side_and_the_machine_sees_nothing_of_them", &["nft"]) {
        return;
    }
    let machine = || {
        let run =
            "ip -o link; ls /run/netns /etc/netns; cat /etc/hosts; grep netns /proc/self/mountinfo";
        stdout(&command(&["sh", "-c", run]).output().unwrap())
    };
    let before = machine();
    thread::scope(|scope| {
        let worlds = [5, 10, 15].map(|rate| {
            scope.spawn(move || {
                let script = format!("$H loss bob {rate}%; $H status; ip netns list | sort");
                (rate, in_world(&script))
            })
        });
        for world in worlds {
            let (rate, said) = world.join().unwrap();
            assert!(said.contains(&format!(" {rate}% ")), "{said}");
            assert!(said.ends_with("socklab-alice\nsocklab-bob\nsocklab-router\n"), "{said}");
        }
    });
    assert_eq!(machine(), before);
}

#[test]
fn an_ordinary_user_needs_no_root() {
    if cannot("an_ordinary_user_needs_no_root", &["setsid"]) {
        return;
    }
    // An ordinary user, in a world in which no one else has processes.
    let script = "H=labs/hosts
        id -u
        $H status; echo status $?
        $H up | grep -c alice
        $H up | grep -c alice
        $H exec alice ping -c 1 bob
        $H exec alice sh -c 'pwd; exit 7'; echo exec $?
        $H link bob down; $H link bob up
        $H exec bob sleep 600 &
        until $H status | grep 'running on bob: sleep'; do sleep 0.05; done
        $H down; echo down $?
        $H down; echo down $?
        $H status; echo status $?
        echo \"$H exec alice ping -c 1 router; exit 9\" | SHELL=/bin/sh $H shell; echo shell $?
        echo left: $(ps ax -o comm | grep -e unshare -e sleep)";
    let user = ["unshare", "--map-user=1000", "--map-group=1000", "sh", "-c", script];
    let output = hosts(&[&["run"], &user[..]].concat());
    let said = stdout(&output);
    let tree = env!("CARGO_MANIFEST_DIR");
    let mut rest = &said[..];
    for expected in [
        "1000\n",
        "status 1\n",
        "4\n4\n",
        "64 bytes from bob (10.0.2.2): icmp_seq=1 ttl=63",
        tree,
        "exec 7\n",
        "bob's link is up\n",
        "running on bob: sleep (",
        "down 0\ndown 0\nstatus 1\n",
        "64 bytes from router",
        "shell 9\nleft:",
    ] {
        let found = rest.split_once(expected);
        rest = found.unwrap_or_else(|| panic!("{expected:?} is not in\n{rest}\n{output:#?}")).1;
    }
    assert_eq!(rest, "\n", "{output:#?}");
}

#[test]
fn a_mistake_is_told_in_one_line() {
    if cannot("a_mistake_is_told_in_one_line", &[]) {
        return;
    }
    for (words, expected) in [
        ("exec carol true", "there is no host 'carol'; there are alice bob router"),
        ("exec alice", "usage: labs/hosts exec HOST COMMAND..."),
        ("loss bob 120%", "'120%' is no rate; write 20%, 0.2 or 1/5"),
        ("loss bob 1/0", "'1/0' is no rate"),
        ("loss router 1%", "the router has two cables"),
        ("delay bob 5x", "'5x' is no time; write 50ms"),
        ("mtu bob 500", "an MTU of 500 cannot be: IPv6 asks for 1280"),
        ("mtu bob 1e3", "'1e3' is no number of bytes"),
        ("link bob maybe", "a link is up or down, not 'maybe'"),
        ("reject bob igmp port-unreachable", "the protocols are icmp, udp and tcp"),
        ("reject bob udp rudeness", "'rudeness' is no ICMP error"),
        ("exec alice labs/hosts down", "this shell is on alice; leave it first"),
        ("frobnicate", "there is no command 'frobnicate'; labs/hosts --help lists them"),
    ] {
        let said = in_world(&format!("$H {words} 2>&1 || echo status $?"));
        assert!(said.starts_with("hosts: "), "{words}: {said}");
        assert!(said.contains(expected), "{words}: {said}");
        assert!(said.ends_with("\nstatus 2\n") && said.lines().count() == 2, "{words}: {said}");
    }
    let said = in_world("$H exec alice nonesuch 2>&1 || echo status $?");
    assert_eq!(said, "hosts: cannot run nonesuch: there is no such command in $PATH\nstatus 127\n");
    let said = in_world("$H down; $H exec bob true 2>&1 || echo status $?");
    assert!(said.starts_with("hosts: the hosts are not up; bring them up with: labs/hosts up\n"));
    assert!(said.ends_with("status 2\n"));
}

#[test]
fn where_namespaces_are_not_allowed_it_says_what_to_do() {
    if !have("timeout") {
        return skip("where_namespaces_are_not_allowed_it_says_what_to_do", "no timeout");
    }
    let refuse = "echo 'unshare: unshare failed: Operation not permitted' >&2; exit 1";
    let folder = fake("refuse", "unshare", refuse);
    let path = format!("{}:{}", folder.display(), common::path().into_string().unwrap());
    let output = command(&["labs/hosts", "run", "true"]).env("PATH", path).output().unwrap();
    let said = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{output:#?}");
    assert_eq!(said.lines().count(), 1, "{said}");
    for expected in ["Operation not permitted", "--privileged"] {
        assert!(said.contains(expected), "{said}");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn its_page_of_usage_fits_a_terminal() {
    for words in [&[][..], &["--help"], &["-h"]] {
        let output = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/labs/hosts"))
            .args(words)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0));
        let page = stdout(&output);
        assert!(page.starts_with("labs/hosts: two hosts on one machine"), "{page}");
        assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
    }
}
