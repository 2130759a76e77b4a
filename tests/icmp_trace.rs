//! Traceroute along four hosts in namespaces of the test's own: alice, two routers, and bob.

mod common;

use std::fs;

use common::{Server, lacks, named, program, run, skip};
use serde_json::Value;

const TRACE: &str = "icmp_trace";

/// alice (10.0.1.2) – r1 (10.0.1.1, 10.0.2.1) – r2 (10.0.2.2, 10.0.3.1) – bob
/// (10.0.3.2), and the same numbers over IPv6: fd00:1::2 and so on. Linux
/// limits the errors that it sends, to one host and in all; here only where a
/// test says so.
const CHAIN: &str = "
    join() {
        ip link add name $2 netns $1 type veth peer name $4 netns $3
        for end in \"$1 $2 $5\" \"$3 $4 $6\"; do
            set -- $end
            ip -n $1 addr add 10.0.$3/24 dev $2
            ip -n $1 addr add fd00:${3%.*}::${3#*.}/64 dev $2 nodad
            ip -n $1 link set dev $2 up
        done
    }
    on() { ip netns exec \"$@\"; }
    # Shows what a command says, under a name, and how it ended.
    show() { echo \"== $1\"; shift; \"$@\" 2>&1; echo \"== exit $?\"; }
    mount -t tmpfs tmpfs /run && mkdir /run/netns || exit 99
    for host in alice r1 r2 bob; do
        ip netns add $host && ip -n $host link set dev lo up || exit 99
        on $host sysctl -q net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
            net.ipv4.icmp_ratemask=0 net.ipv6.icmp.ratemask=200
    done
    join alice veth1 r1 veth1 1.2 1.1
    join r1 veth2 r2 veth1 2.1 2.2
    join r2 veth2 bob veth1 3.1 3.2
    for router in r1 r2; do
        on $router sysctl -q net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
    done
    route() { ip -n $1 route add $2 via 10.0.$4; ip -n $1 route add $3 via fd00:${4%.*}::${4#*.}; }
    route alice default ::/0 1.1
    route r1 10.0.3.0/24 fd00:3::/64 2.2
    route r2 10.0.1.0/24 fd00:1::/64 2.1
    route bob default ::/0 3.1
    # Links take a moment to come up, and neighbours to find each other.
    for bob in 10.0.3.2 fd00:3::2; do
        until on alice ping -q -c 1 -W 1 $bob > /run/ping; do :; done
    done
";

/// What a command of a script said.
#[derive(Debug, Default)]
struct Said {
    name: String,
    lines: Vec<String>,
    status: i32,
}

impl Said {
    fn events(&self) -> Vec<Value> {
        let json = |line: &String| {
            serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {self:#?}"))
        };
        self.lines.iter().map(json).collect()
    }

    fn summary(&self) -> Value {
        self.events().pop().unwrap_or_else(|| panic!("no summary: {self:#?}"))
    }

    /// For each hop who answered each probe, and with what mark, by our JSON.
    fn hops(&self) -> Vec<Vec<String>> {
        let events = self.events();
        let text = |value: &Value| value.as_str().map(str::to_string);
        let probe = |probe: &Value| {
            let mark = text(&probe["mark"]).map_or(String::new(), |mark| format!(" {mark}"));
            text(&probe["from"]).map_or("*".to_string(), |from| from + &mark)
        };
        let hop = |event: &&Value| event["probes"].as_array().unwrap().iter().map(probe).collect();
        named(&events, "hop").iter().map(hop).collect()
    }

    /// The same by traceroute's lines, or by ours.
    fn hops_of_text(&self) -> Vec<Vec<String>> {
        let starts_with_number = |line: &&String| {
            line.split_whitespace().next().is_some_and(|word| word.parse::<u8>().is_ok())
        };
        self.lines.iter().filter(starts_with_number).map(|line| hop_of_text(line)).collect()
    }
}

fn hop_of_text(line: &str) -> Vec<String> {
    let mut probes: Vec<String> = Vec::new();
    let mut address = "";
    for word in line.split_whitespace().skip(1) {
        match word {
            "*" => probes.push("*".to_string()),
            "ms" => probes.push(address.to_string()),
            mark if mark.starts_with('!') => {
                probes.last_mut().unwrap().push_str(&format!(" {mark}"));
            }
            time if time.parse::<f64>().is_ok() => {}
            other => address = other,
        }
    }
    probes
}

/// Runs a script along the chain, and returns what each `show` in it showed.
/// `None`, with a loud word, where that cannot be had.
fn along_the_chain(test: &str, script: &str) -> Option<Vec<Said>> {
    let tools = ["timeout", "unshare", "ip", "sysctl", "traceroute", "ping", "iptables", "setpriv"];
    if let Some(why) = lacks(&tools) {
        skip(test, &why);
        return None;
    }
    let enter = |script: &str| {
        let mut command = common::tool("timeout");
        command.args(["240", "unshare", "-n", "-m"]);
        if !nix::unistd::geteuid().is_root() {
            command.args(["-c", "--keep-caps"]);
        }
        command.args(["--kill-child", "--fork", "sh", "-c"]);
        let path = format!("export PATH={}:$PATH", common::programs().display());
        command.arg(format!("{path}\n{CHAIN}\n{script}")).output().ok()
    };
    if !enter("true").is_some_and(|output| output.status.success()) {
        skip(test, "no network namespaces for this user (unshare -rnm, ip netns)");
        return None;
    }
    let output = enter(script)?;
    let mut said: Vec<Said> = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        match (line.strip_prefix("== exit "), line.strip_prefix("== ")) {
            (Some(status), _) => said.last_mut().unwrap().status = status.parse().unwrap(),
            (None, Some(name)) => said.push(Said { name: name.into(), ..Said::default() }),
            (None, None) => said.last_mut().unwrap().lines.push(line.to_string()),
        }
    }
    assert!(output.status.code() != Some(124), "not done within four minutes: {said:#?}");
    assert!(output.stderr.is_empty() && !said.is_empty(), "{output:?}");
    Some(said)
}

const WAY_4: [&str; 3] = ["10.0.1.1", "10.0.2.2", "10.0.3.2"];
const WAY_6: [&str; 3] = ["fd00:1::1", "fd00:2::2", "fd00:3::2"];

fn thrice(way: [&str; 3]) -> Vec<Vec<String>> {
    way.iter().map(|address| vec![address.to_string(); 3]).collect()
}

#[test]
fn the_hops_are_those_that_traceroute_and_ping_find() {
    let test = "the_hops_are_those_that_traceroute_and_ping_find";
    let script = "
        for bob in 10.0.3.2 fd00:3::2; do
            show 'icmp' on alice icmp_trace --numeric --json $bob
            show 'text' on alice icmp_trace --numeric $bob
            show 'udp' on alice icmp_trace --numeric --json --udp $bob
            show 'udp' on alice icmp_trace --numeric --udp --port 5000 $bob
            show 'traceroute' on alice traceroute -n -I -w 30 $bob
            show 'traceroute' on alice traceroute -n -w 30 $bob
            for ttl in 1 2 3; do show ping on alice ping -n -c 1 -W 30 -t $ttl $bob; done
        done";
    let Some(said) = along_the_chain(test, script) else { return };
    for (said, way) in said.chunks(9).zip([WAY_4, WAY_6]) {
        for trace in &said[..6] {
            let json = trace.lines[0].starts_with('{');
            let hops = if json { trace.hops() } else { trace.hops_of_text() };
            assert_eq!(hops, thrice(way), "{trace:#?}");
            assert_eq!(trace.status, 0);
        }
        for (ping, address) in said[6..].iter().zip(way) {
            let from = |line: &&String| line.contains("rom ") && line.contains(address);
            assert!(ping.lines.iter().any(|line| from(&line)), "{ping:#?}");
        }
        let summary = said[0].summary();
        assert_eq!((&summary["reached"], &summary["hops"]), (&true.into(), &3.into()));
        let events = said[0].events();
        let error = named(&events, "icmp_error")[0];
        assert_eq!((&error["ttl"], &error["from"]), (&1.into(), &way[0].into()));
        let reply = named(&events, "reply")[0];
        assert_eq!((&reply["ttl"], &reply["reply_ttl"]), (&3.into(), &62.into()));
        assert_eq!(said[1].lines.len(), 5, "{:#?}", said[1]);
    }
}

#[test]
fn as_many_probes_leave_the_machine_as_the_summary_says() {
    let test = "as_many_probes_leave_the_machine_as_the_summary_says";
    // The kernel counts them.
    let script = "
        count() { on alice iptables -nvxL OUTPUT | awk '/ 255\\.255|^ *[0-9]/ {print $1; exit}'; }
        on alice iptables -A OUTPUT -d 10.0.3.2
        on bob iptables -A INPUT -p udp --dport 40000:50000 -j DROP
        for flags in '' --udp '--udp --port 40000' '-f 3 -n 1' '-m 2 -n 10'; do
            on alice iptables -Z
            show \"$flags\" on alice icmp_trace --numeric --json -W 200ms $flags 10.0.3.2
            show count count
        done";
    let Some(said) = along_the_chain(test, script) else { return };
    for pair in said.chunks(2) {
        let sent = pair[0].summary()["sent"].as_u64().unwrap();
        assert_eq!(pair[1].lines, [sent.to_string()], "{}", pair[0].name);
        let (least, most) = match pair[0].name.as_str() {
            "--udp --port 40000" => (90, 90),
            "-f 3 -n 1" => (1, 1),
            "-m 2 -n 10" => (20, 20),
            // What is under way when bob answers goes beyond him in vain.
            _ => (9, 9 + 13),
        };
        assert!((least..=most).contains(&sent), "{sent}: {}", pair[0].name);
        let reached = !["--udp --port 40000", "-m 2 -n 10"].contains(&pair[0].name.as_str());
        assert_eq!(pair[0].status, if reached { 0 } else { 1 }, "{:#?}", pair[0]);
    }
}

#[test]
fn a_silent_router_holds_up_nothing_but_its_own_line() {
    let test = "a_silent_router_holds_up_nothing_but_its_own_line";
    let script = "
        on r1 iptables -A OUTPUT -p icmp -j DROP
        show trace on alice icmp_trace --numeric --json -W 2s 10.0.3.2
        show text on alice icmp_trace --numeric -W 200ms --udp 10.0.3.2";
    let Some(said) = along_the_chain(test, script) else { return };
    let mut expected = thrice(WAY_4);
    expected[0] = vec!["*".to_string(); 3];
    assert_eq!(said[0].hops(), expected);
    assert_eq!(said[1].hops_of_text(), expected);
    let events = said[0].events();
    let summary = said[0].summary();
    assert_eq!((&summary["lost"], &summary["reached"]), (&3.into(), &true.into()));
    // Bob was found long before the first of the silent ones was given up.
    let place = |name| events.iter().position(|event| event["event"] == name).unwrap();
    assert!(place("reply") < place("timeout"), "{events:#?}");
}

#[test]
fn each_refusal_has_the_mark_that_traceroute_shows() {
    let test = "each_refusal_has_the_mark_that_traceroute_shows";
    let script = "
        both() {
            show \"$1 icmp\" on alice icmp_trace --numeric $2
            show traceroute on alice traceroute -n -I -w 30 $2
            show \"$1 udp\" on alice icmp_trace --numeric --udp $2
            show traceroute on alice traceroute -n -w 30 $2
        }
        for with in net-unreachable host-unreachable proto-unreachable port-unreachable \
            net-prohibited host-prohibited admin-prohibited; do
            on r2 iptables -A FORWARD -d 10.0.3.2 -j REJECT --reject-with icmp-$with
            both $with 10.0.3.2
            on r2 iptables -F
        done
        for with in no-route adm-prohibited addr-unreachable port-unreachable policy-fail \
            reject-route; do
            on r2 ip6tables -A FORWARD -d fd00:3::2 -j REJECT --reject-with icmp6-$with
            both v6-$with fd00:3::2
            on r2 ip6tables -F
        done
        # For want of a route, Linux tells one host five times, and then once a
        # second, whatever the limits of ICMP: so alice is a new one each time.
        ip -n r1 route add 10.0.0.0/16 via 10.0.2.2
        ip -n r2 route add unreachable 10.0.4.0/24
        ip -n r2 route add prohibit 10.0.5.0/24
        new=100
        for case in unreachable/4 prohibit/5 none/6; do
            for kind in icmp udp; do
                for way in 'icmp_trace --numeric' 'traceroute -w 30 -n -N 1'; do
                    new=$((new + 1))
                    ip -n alice addr add 10.0.1.$new/24 dev veth1
                    ip -n alice route replace default via 10.0.1.1 src 10.0.1.$new
                    case $kind$way in icmpt*) flag=-I;; udpi*) flag=--udp;; *) flag='';; esac
                    show \"route-${case%/*} $kind\" on alice $way $flag 10.0.${case#*/}.1
                done
            done
        done";
    let Some(said) = along_the_chain(test, script) else { return };
    let marks: &[(&str, &str)] = &[
        ("net-unreachable", " !N"),
        ("host-unreachable", " !H"),
        ("proto-unreachable", " !P"),
        ("port-unreachable", ""),
        ("net-prohibited", " !X"),
        ("host-prohibited", " !X"),
        ("admin-prohibited", " !X"),
        ("v6-no-route", " !N"),
        ("v6-adm-prohibited", " !X"),
        ("v6-addr-unreachable", " !H"),
        ("v6-port-unreachable", ""),
        ("v6-policy-fail", " !<5>"),
        ("v6-reject-route", " !<6>"),
        ("route-unreachable", " !H"),
        ("route-prohibit", " !X"),
        ("route-none", " !N"),
    ];
    assert_eq!(said.len(), 4 * marks.len());
    for (said, (name, mark)) in said.chunks(4).zip(marks) {
        let r2 = if name.starts_with("v6") { WAY_6[1] } else { WAY_4[1] };
        for pair in said.chunks(2) {
            assert!(pair[0].name.starts_with(name), "{}", pair[0].name);
            let hops = pair[0].hops_of_text();
            assert_eq!(hops.last().unwrap(), &vec![format!("{r2}{mark}"); 3], "{name}");
            assert_eq!(hops, pair[1].hops_of_text(), "{name}");
            // The target was not reached, and did not answer.
            assert_eq!(pair[0].status, 1, "{:#?}", pair[0]);
        }
    }
}

#[test]
fn a_link_too_narrow_for_a_whole_probe_is_told_with_its_width() {
    let test = "a_link_too_narrow_for_a_whole_probe_is_told_with_its_width";
    let script = "
        ip -n r1 link set dev veth2 mtu 1300; ip -n r2 link set dev veth1 mtu 1300
        show icmp on alice icmp_trace --numeric --df -s 1372 10.0.3.2
        show udp on alice icmp_trace --numeric --df -s 1372 --udp 10.0.3.2
        show traceroute on alice traceroute -n -F -w 30 10.0.3.2 1400
        show icmp on alice icmp_trace --numeric --df -s 1372 fd00:3::2
        show udp on alice icmp_trace --numeric --df -s 1372 --udp fd00:3::2
        show traceroute on alice traceroute -n -F -w 30 fd00:3::2 1400
        show fragments on alice icmp_trace --numeric -s 1372 10.0.3.2
        show fragments on alice icmp_trace --numeric -s 1372 --udp 10.0.3.2
        show larger on alice icmp_trace --numeric --df -s 1500 10.0.3.2";
    let Some(said) = along_the_chain(test, script) else { return };
    for (said, router) in said[..6].chunks(3).zip([WAY_4[0], WAY_6[0]]) {
        for trace in said {
            let hops = trace.hops_of_text();
            assert_eq!(hops[1], vec![format!("{router} !F-1300"); 3], "{trace:#?}");
            assert_eq!(hops.len(), 2);
        }
    }
    for trace in &said[6..8] {
        assert_eq!(trace.hops_of_text(), thrice(WAY_4), "{trace:#?}");
    }
    let larger = &said[8];
    assert_eq!(larger.status, 2);
    assert!(larger.lines[1].contains("message too long; the first link"), "{larger:#?}");
}

#[test]
fn an_ordinary_user_traces_by_udp_and_where_he_may_ping_by_icmp() {
    let test = "an_ordinary_user_traces_by_udp_and_where_he_may_ping_by_icmp";
    // He may not be allowed into the folder of the programs.
    let folder = std::env::temp_dir().join(format!("socklab-trace-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::copy(program(TRACE), folder.join(TRACE)).unwrap();
    let script = "
        nobody() {
            if [ $(id -u) = 0 ]
            then on alice setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"
            else on alice setpriv --inh-caps=-all --ambient-caps=-all --bounding-set=-all \"$@\"
            fi
        }
        # In a new namespace, no group may ping.
        for bob in 10.0.3.2 fd00:3::2; do
            show udp nobody FOLDER/icmp_trace --numeric --json --udp $bob
            show icmp nobody FOLDER/icmp_trace --numeric --json $bob
        done
        group=$(nobody id -g)
        on alice sysctl -q \"net.ipv4.ping_group_range=$group $group\"
        for bob in 10.0.3.2 fd00:3::2; do
            show text nobody FOLDER/icmp_trace --numeric $bob
            show icmp nobody FOLDER/icmp_trace --numeric --json $bob
        done
        on r1 iptables -A OUTPUT -p icmp -j DROP
        on r2 iptables -A FORWARD -j REJECT --reject-with icmp-admin-prohibited
        show marks nobody FOLDER/icmp_trace --numeric -W 200ms 10.0.3.2";
    let said = along_the_chain(test, &script.replace("FOLDER", &folder.display().to_string()));
    fs::remove_dir_all(&folder).unwrap();
    let Some(said) = said else { return };
    for (trace, way) in [(&said[0], WAY_4), (&said[2], WAY_6)] {
        assert_eq!(trace.hops(), thrice(way), "{trace:#?}");
    }
    for refused in [&said[1], &said[3]] {
        assert_eq!((refused.status, refused.lines.len()), (2, 1), "{refused:#?}");
        assert!(refused.lines[0].ends_with("or use --udp, which needs no privilege"));
    }
    for (text, json, way) in [(&said[4], &said[5], WAY_4), (&said[6], &said[7], WAY_6)] {
        assert!(text.lines[0].contains("by ICMP echo on a datagram socket"), "{text:#?}");
        assert_eq!(json.hops(), thrice(way), "{json:#?}");
        assert_eq!(text.hops_of_text(), thrice(way), "{text:#?}");
        let events = json.events();
        let ttls: Vec<&Value> =
            named(&events, "icmp_error").iter().map(|e| &e["reply_ttl"]).collect();
        assert_eq!(ttls, [64, 64, 64, 63, 63, 63], "{json:#?}");
    }
    let marks = said[8].hops_of_text();
    assert_eq!(marks, [vec!["*"; 3], vec!["10.0.2.2"; 3], vec!["10.0.2.2 !X"; 3]]);
}

#[test]
fn hosts_that_limit_their_errors_answer_every_probe_of_a_first_trace() {
    let test = "hosts_that_limit_their_errors_answer_every_probe_of_a_first_trace";
    let script = "
        for host in r1 r2 bob; do
            on $host sysctl -q net.ipv4.icmp_ratemask=6168 net.ipv6.icmp.ratemask=0-1,3-127
        done
        show v4 on alice icmp_trace --numeric --json --udp 10.0.3.2
        show v6 on alice icmp_trace --numeric --json --udp fd00:3::2";
    let Some(said) = along_the_chain(test, script) else { return };
    for (trace, way) in said.iter().zip([WAY_4, WAY_6]) {
        assert_eq!(trace.hops(), thrice(way), "{trace:#?}");
    }
}

#[test]
fn traces_and_pings_at_the_same_time_do_not_take_each_others_answers() {
    let test = "traces_and_pings_at_the_same_time_do_not_take_each_others_answers";
    let script = "
        ip netns exec alice ping -q -i 0.01 -c 200 10.0.3.2 > /run/ping & pings=$!
        ip netns exec alice ping -q -i 0.01 -t 1 10.0.3.2 > /run/expiring & expiring=$!
        for number in 1 2 3 4 5 6; do
            on alice icmp_trace --numeric --json -n 10 -W 60s 10.0.3.2 > /run/trace$number &
            traces=\"$traces $!\"
        done
        wait $traces $pings
        kill -INT $expiring; wait $expiring
        for number in 1 2 3 4 5 6; do show trace cat /run/trace$number; done
        show ping cat /run/ping";
    let Some(said) = along_the_chain(test, script) else { return };
    let expected: Vec<Vec<String>> =
        WAY_4.iter().map(|address| vec![address.to_string(); 10]).collect();
    for trace in &said[..6] {
        assert_eq!(trace.hops(), expected);
        assert_eq!(trace.summary()["duplicates"], 0);
    }
    let all = |line: &String| line.contains("200 received") && !line.contains("duplicates");
    assert!(said[6].lines.iter().any(all), "{:#?}", said[6]);
}

#[test]
fn the_sums_count_what_is_lost_late_and_still_under_way() {
    let test = "the_sums_count_what_is_lost_late_and_still_under_way";
    // Beyond bob, who hears nothing of them, five probes are on their way yet.
    let script = "
        on r1 iptables -A OUTPUT -p icmp -j DROP
        on bob iptables -A INPUT -p icmp -m ttl --ttl-gt 1 -j DROP
        for flags in --json ''; do
            show trace on alice icmp_trace --numeric -n 5 -W 500ms $flags 10.0.3.2
        done
        ip netns exec alice icmp_trace --numeric -W 1h --json 10.0.3.2 > /run/json & json=$!
        until grep -q '\"seq\":9' /run/json; do sleep 0.05; done
        kill -INT $json; wait $json
        show stopped cat /run/json";
    let Some(said) = along_the_chain(test, script) else { return };
    for run in [&said[0], &said[2]] {
        let summary = run.summary();
        let count = |name: &str| summary[name].as_u64().unwrap_or_else(|| panic!("{summary}"));
        let ends = ["received", "lost", "late", "waiting"].map(count);
        assert_eq!(ends.iter().sum::<u64>(), count("sent"), "{summary}");
        let all_that_r1_was_to_answer = if run.name == "stopped" { 3 } else { 5 };
        assert!(ends[1] + ends[3] >= all_that_r1_was_to_answer, "{summary}");
    }
    assert_eq!(said[0].summary()["lost"], 5);
    let numbers = said[1].lines.last().unwrap().split_once(';').unwrap().1;
    let mut numbers = numbers.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty());
    let sent: u64 = numbers.next().unwrap().parse().unwrap();
    assert_eq!(numbers.map(|word| word.parse::<u64>().unwrap()).sum::<u64>(), sent, "{said:#?}");
}

#[test]
fn ctrl_c_shows_what_was_heard_and_ends_cleanly() {
    let test = "ctrl_c_shows_what_was_heard_and_ends_cleanly";
    let script = "
        on r1 iptables -A OUTPUT -p icmp -j DROP
        interrupt() {
            ip netns exec alice icmp_trace --numeric -W 1h \"$@\" 10.0.3.2 > /run/trace & trace=$!
            ip netns exec alice icmp_trace --numeric -W 1h --json 10.0.3.2 > /run/json & json=$!
            until grep -q '\"seq\":9' /run/json; do sleep 0.05; done
            kill -INT $json; wait $json
            until grep -q 'trace to' /run/trace; do sleep 0.05; done
            kill -$signal $trace; wait $trace; status=$?
            cat /run/trace; return $status
        }
        signal=INT; show icmp interrupt
        signal=TERM; show udp interrupt --udp
        show json cat /run/json";
    let Some(said) = along_the_chain(test, script) else { return };
    let json = &said[2];
    let mut expected = thrice(WAY_4);
    expected[0] = vec!["*".to_string(); 3];
    assert_eq!(json.hops()[..2], expected[..2]);
    assert_eq!(json.summary()["reached"], true);
    for trace in &said[..2] {
        assert!([0, 1].contains(&trace.status), "{trace:#?}");
        assert!(trace.lines.last().unwrap().contains("probes sent"), "{trace:#?}");
    }
}

#[test]
fn a_link_local_address_is_traced_on_its_own_link() {
    let test = "a_link_local_address_is_traced_on_its_own_link";
    let script = "
        address=$(ip -n r1 -6 addr show dev veth1 scope link | sed -n 's/.*inet6 \\(.*\\)\\/.*/\\1/p')
        show icmp on alice icmp_trace --numeric --json $address%veth1
        show udp on alice icmp_trace --numeric --json --udp $address%veth1
        show name on alice icmp_trace --numeric no.such.name.invalid
        ip -n alice route del default
        show away on alice icmp_trace --numeric 10.0.3.2";
    let Some(said) = along_the_chain(test, script) else { return };
    for trace in &said[..2] {
        assert_eq!(trace.status, 0, "{trace:#?}");
        assert_eq!((trace.hops().len(), &trace.summary()["sent"]), (1, &3.into()));
        assert!(trace.hops()[0].iter().all(|probe| probe.starts_with("fe80::")), "{trace:#?}");
    }
    assert_eq!(said[2].status, 2);
    let away = said[3].lines.last().unwrap();
    assert_eq!(said[3].status, 2);
    assert!(away.contains("cannot send probe 1: network is unreachable"), "{away}");
}

#[test]
fn loopback_is_one_hop_and_three_probes() {
    // The last is an IPv4 address written as one of IPv6, from whose socket
    // no error of IPv4 would ever be heard.
    let hosts = [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::ffff:127.0.0.1", "127.0.0.1")];
    for (host, address) in hosts {
        let trace = run(TRACE, &["--udp", "--numeric", "--json", host]);
        let events = trace.events();
        let summary = named(&events, "summary")[0];
        assert_eq!((&summary["sent"], &summary["hops"]), (&3.into(), &1.into()), "{trace:#?}");
        let error = named(&events, "icmp_error")[2];
        assert_eq!((&error["from"], &error["seq"]), (&address.into(), &3.into()));
        assert_eq!(trace.code(), 0);
    }
}

#[test]
fn a_program_that_listens_on_a_probes_port_and_answers_is_the_target_too() {
    let server = Server::start("udp_ping_server", &["--loss", "0"]);
    let port = server.address.port().to_string();
    let flags = ["--udp", "--numeric", "--json", "-n", "1", "-m", "1", "--port", &port];
    let trace = run(TRACE, &[&flags as &[&str], &["127.0.0.1"]].concat());
    let events = trace.events();
    assert_eq!(named(&events, "reply").len(), 1, "{trace:#?}");
    assert_eq!(named(&events, "summary")[0]["reached"], true);
}

#[test]
fn bad_input_is_told_on_one_line() {
    for (args, says) in [
        (&["-f", "5", "-m", "3", "::1"] as &[&str], "lies behind"),
        (&[], "required"),
        (&["127.0.0.1:80"], "a host is traced, not a port"),
        (&["127.0.0.1", "--port", "80"], "give --udp as well"),
        (&["127.0.0.1", "--udp", "--port", "65500"], "give --port 65446 or less"),
        (&["127.0.0.1", "-n", "0"], "0 is not in 1..=10"),
        (&["127.0.0.1", "-m", "256"], "256 is not in 1..=255"),
        (&["127.0.0.1", "-W", "0"], "longer than 0"),
        (&["127.0.0.1", "-s", "65508"], "at most 65507"),
        (&["224.0.0.1"], "not one host's address"),
        (&["0.0.0.0"], "not one host's address"),
        (&["::1", "-4"], "no IPv4 address"),
        (&["::ffff:127.0.0.1", "-6"], "no IPv6 address"),
    ] {
        let trace = run(TRACE, args);
        assert_eq!((trace.code(), trace.stderr.len(), trace.stdout.len()), (2, 1, 0), "{trace:#?}");
        assert!(trace.stderr[0].contains(says), "{trace:#?}");
    }
}
