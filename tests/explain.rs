//! --explain and --flip-bit beside tcpdump and the kernel's counters, which come to their own judgement.

mod common;

use std::net::SocketAddr;
use std::process::Output;

use common::{Server, in_a_namespace, lacks, named, run, skip};
use packets::explain::{Page, SumVerdict, flip, hex};
use packets::udp;
use socklab::output::Painter;

/// A packet as `tcpdump -vvx` tells it: the words, and the bytes.
struct Told {
    words: String,
    bytes: Vec<u8>,
}

/// Reads what `tcpdump -nvvx` printed.
fn told(output: &str) -> Vec<Told> {
    let mut packets: Vec<Told> = Vec::new();
    for line in output.lines() {
        match (line.trim_start().strip_prefix("0x"), packets.last_mut()) {
            (Some(hex), Some(packet)) => {
                let digits: String = hex.split_once(':').unwrap().1.split_whitespace().collect();
                let pairs = digits.as_bytes().chunks(2);
                packet.bytes.extend(pairs.map(|pair| {
                    u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()
                }));
            }
            (None, Some(packet)) if line.starts_with(char::is_whitespace) => {
                packet.words.push_str(line)
            }
            _ if line.contains(" IP") => {
                packets.push(Told { words: line.into(), bytes: Vec::new() })
            }
            _ => {}
        }
    }
    packets
}

/// What stands behind `name` in tcpdump's words: `id 6819`.
fn after<'a>(words: &'a str, name: &str) -> &'a str {
    let rest = words.split_once(name).unwrap_or_else(|| panic!("no {name:?} in {words:?}")).1;
    rest.trim_start().split([',', ' ', ')', ']', '!']).next().unwrap()
}

/// Runs a script beside a tcpdump of so many packets, whose output is in the
/// file `told`; `None`, and a loud skip, where that cannot be.
fn beside_tcpdump(test: &str, packets: u32, script: &str) -> Option<(Output, Vec<Told>)> {
    if let Some(why) = lacks(&["tcpdump", "ip", "unshare", "ping", "python3"]) {
        skip(test, &why);
        return None;
    }
    let script = format!(
        "folder=$(mktemp -d); trap 'rm -rf $folder' EXIT
        tcpdump -l --immediate-mode -Q in -nvvx -c {packets} -i lo >$folder/told 2>$folder/ready & dump=$!
        until grep -q 'listening on' $folder/ready; do sleep 0.05; done
        {script}
        wait $dump; echo; echo TCPDUMP; cat $folder/told"
    );
    let Some(output) = in_a_namespace(&script) else {
        skip(test, "no network namespace is allowed here");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let captured = text.rsplit_once("TCPDUMP\n").unwrap_or_else(|| panic!("{output:?}")).1;
    let packets = told(captured);
    Some((output, packets))
}

/// The bytes in the dumps of a page: two digits each, in the column of bytes.
fn bytes_of(page: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in page.lines().take_while(|line| !line.starts_with("Checksums")) {
        let offset = line.get(2..6).and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let (Some(offset), Some(rest)) = (offset, line.get(8..)) else { continue };
        if !line.starts_with("  ") || bytes.len() != offset {
            continue;
        }
        let column = if rest.contains('|') { &rest[..48] } else { &rest[..rest.len().min(11)] };
        bytes.extend(column.split_whitespace().map(|pair| u8::from_str_radix(pair, 16).unwrap()));
    }
    bytes
}

#[test]
fn what_a_page_says_is_what_tcpdump_says_of_the_same_packet() {
    let test = "what_a_page_says_is_what_tcpdump_says_of_the_same_packet";
    for (server, target) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "[::1]")] {
        let script = format!(
            "udp_ping_server --loss 0 --bind {server} >$folder/server & server=$!
            until grep -q listening $folder/server; do sleep 0.05; done
            port=$(sed 's/.*:\\([0-9]*\\),.*/\\1/' $folder/server)
            udp_ping_client {target}:$port -n 1 -s 101 --explain; kill $server"
        );
        let Some((output, packets)) = beside_tcpdump(test, 2, &script) else { return };
        let text = String::from_utf8_lossy(&output.stdout);
        let pages =
            text.split_once("Request 1, as it leaves").unwrap_or_else(|| panic!("{output:?}")).1;
        let (sent, received) = pages.split_once("What came in").unwrap();
        assert_eq!(packets.len(), 2, "{text}");
        for (page, packet) in [sent, received].into_iter().zip(&packets) {
            let words = &packet.words;
            assert_eq!(bytes_of(page), packet.bytes, "{page}\n{words}");
            let (ttl, field) = if target.starts_with('[') {
                (after(words, "hlim"), "hop limit")
            } else {
                let id = format!("identification   {} ", after(words, ", id"));
                assert!(page.contains(&id), "{id}\n{page}");
                (after(words, "ttl"), "time to live")
            };
            assert!(page.contains(&format!("{field:16} {ttl} ")), "{page}");
            // On loopback nobody finishes the checksum; tcpdump calls that bad,
            // and says what it should have been.
            let found = after(words, "bad udp cksum 0x");
            let expected = after(words, "-> 0x");
            assert!(
                page.contains(&format!("in the packet: {found}, unfinished")),
                "{page}\n{words}"
            );
            assert!(
                page.contains(&format!("which would put in\n  {expected}."))
                    || page.contains(&format!("put in {expected}.")),
                "{page}\n{words}"
            );
            assert!(page.contains(&format!("becomes {expected}\n")), "{page}\n{words}");
        }
    }
}

#[test]
fn tcpdump_finds_the_same_checksums_right_and_the_same_wrong() {
    let test = "tcpdump_finds_the_same_checksums_right_and_the_same_wrong";
    // Pings, an error that quotes a datagram, and a datagram with a wrong bit.
    let script = "ping -q -c 1 -s 99 127.0.0.1 >/dev/null; ping -q -c 1 -s 2 ::1 >/dev/null
        python3 -c 'import socket
for family, host in (socket.AF_INET, \"127.0.0.1\"), (socket.AF_INET6, \"::1\"):
    s = socket.socket(family, socket.SOCK_DGRAM); s.connect((host, 9)); s.send(b\"hello\")'
        udp_ping_client 127.0.0.1:9 -n 1 -W 10ms --flip-bit 70 >/dev/null";
    let Some((output, packets)) = beside_tcpdump(test, 9, script) else { return };
    assert_eq!(packets.len(), 9, "{output:?}");
    let mut verdicts = Vec::new();
    for packet in &packets {
        let page = Page::ip_packet(&packet.bytes);
        for sum in &page.sums {
            let words = &packet.words;
            let (found, expected) = (sum.found, sum.expected);
            match sum.verdict {
                SumVerdict::Right => {}
                SumVerdict::Wrong | SumVerdict::LeftToTheCard => {
                    let bad = format!("bad udp cksum 0x{found:04x} -> 0x{expected:04x}!");
                    assert!(words.contains(&bad), "{bad}: {words}");
                }
                verdict => panic!("{verdict:?}: {words}"),
            }
            verdicts.push(sum.verdict);
        }
        let page = page.lines(Painter::plain()).join("\n");
        // tcpdump looks at the checksum of a quoted datagram too, whose field
        // was as unfinished.
        let words = packet.words.split("unreachable").next().unwrap();
        let bad = words.contains("bad") || words.contains("wrong");
        assert_eq!(bad, page.contains("WRONG") || page.contains("unfinished"), "{}", packet.words);
    }
    let count = |verdict| verdicts.iter().filter(|found| **found == verdict).count();
    assert_eq!((count(SumVerdict::Wrong), count(SumVerdict::LeftToTheCard)), (1, 2));
}

#[test]
fn the_kernel_drops_and_counts_a_datagram_with_a_wrong_bit_as_the_page_says() {
    let test = "the_kernel_drops_and_counts_a_datagram_with_a_wrong_bit_as_the_page_says";
    if let Some(why) = lacks(&["ip", "unshare"]) {
        return skip(test, &why);
    }
    let script = "count() { awk -v name=$1 '/^Udp:/ { if (!seen) { for (i = 1; i <= NF; i++) at[$i] = i; seen = 1 } else print $at[name] }' /proc/net/snmp; }
        udp_ping_server --loss 0 & server=$!
        until udp_ping_client -n 1 -W 100ms -q >/dev/null; do sleep 0.05; done
        for bit in 3 20 33 44 47 50 100; do
            sums=$(count InCsumErrors); errors=$(count InErrors)
            udp_ping_client -n 1 -W 300ms --json --flip-bit $bit; echo status $?
            echo counted $(($(count InCsumErrors) - sums)) $(($(count InErrors) - errors))
        done; kill $server";
    let Some(output) = in_a_namespace(script) else {
        return skip(test, "no network namespace is allowed here");
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let flips: Vec<serde_json::Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|event: &serde_json::Value| event["event"] == "flip")
        .collect();
    let counted: Vec<&str> = text.lines().filter(|line| line.starts_with("counted")).collect();
    let statuses: Vec<&str> = text.lines().filter(|line| line.starts_with("status")).collect();
    assert_eq!(statuses, ["status 1"; 7], "{output:?}");
    assert_eq!((flips.len(), counted.len()), (7, 7), "{output:?}");
    for (flip, counted) in flips.iter().zip(counted) {
        let why = flip["why"].as_str().unwrap();
        let expected = if why.contains("UdpInCsumErrors") { "counted 1 1" } else { "counted 0 1" };
        assert_eq!((counted, flip["taken"].as_bool()), (expected, Some(false)), "{flip}");
    }
}

#[test]
fn a_checksum_that_has_become_0_is_taken_over_ipv4_and_not_over_ipv6() {
    let test = "a_checksum_that_has_become_0_is_taken_over_ipv4_and_not_over_ipv6";
    if let Some(why) = lacks(&["ip", "unshare", "python3"]) {
        return skip(test, &why);
    }
    // Of all two-byte payloads, one leads to a checksum of 4000, whose bit is then spoilt.
    let spoilt = |host: &str| {
        let [from, to] = [40_000, 12_000].map(|port| SocketAddr::new(host.parse().unwrap(), port));
        let flips = (0..=u16::MAX).map(|word| {
            let mut datagram = Vec::new();
            let (a, b) = ((from.ip(), from.port()), (to.ip(), to.port()));
            udp::emit(a, b, &word.to_be_bytes(), &mut datagram);
            flip::udp(from, to, &datagram, 49).unwrap()
        });
        flips.into_iter().find(|flip| flip.after == "0000").unwrap()
    };
    let flips = ["127.0.0.1", "::1"].map(spoilt);
    assert_eq!(flips.each_ref().map(|flip| flip.taken), [true, false]);
    let digits = flips.each_ref().map(|flip| hex(&flip.bytes).replace(' ', ""));
    let script = format!(
        "python3 -c 'import socket
for family, host, digits in (socket.AF_INET, \"127.0.0.1\", \"{}\"), (socket.AF_INET6, \"::1\", \"{}\"):
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.bind((host, 12000))
    raw = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_UDP)
    raw.sendto(bytes.fromhex(digits), (host, 0))
    # What comes over loopback is there when sendto returns.
    server.settimeout(1)
    try: print(\"taken\", len(server.recv(99)))
    except TimeoutError: print(\"dropped\")'",
        digits[0], digits[1]
    );
    let Some(output) = in_a_namespace(&script) else {
        return skip(test, "no network namespace is allowed here");
    };
    assert_eq!(String::from_utf8_lossy(&output.stdout), "taken 2\ndropped\n", "{output:?}");
}

#[test]
fn with_json_a_page_is_an_event_with_its_fields_as_data() {
    let server = Server::start("udp_ping_server", &["--loss", "0"]);
    let client = run("udp_ping_client", &[&server.at(), "--json", "-n", "2", "--explain"]);
    let events = client.events();
    let pages = named(&events, "explain");
    assert_eq!(pages.len(), 2);
    assert_eq!((&pages[0]["way"], &pages[1]["way"]), (&"sent".into(), &"received".into()));
    assert_eq!(pages[0]["seq"], 1);
    let headers = pages[0]["headers"].as_array().unwrap();
    let port = headers
        .iter()
        .flat_map(|header| header["fields"].as_array().into_iter().flatten())
        .find(|field| field["name"] == "destination port")
        .unwrap();
    assert_eq!(port["value"], server.address.port().to_string());
    let all = run("udp_ping_client", &[&server.at(), "--json", "-n", "3", "--explain=all"]);
    assert_eq!(named(&all.events(), "explain").len(), 6);
}

/// The client without the privilege of raw sockets, whoever runs this.
fn unprivileged(args: &[&str]) -> Option<Output> {
    let mut command = common::tool("setpriv");
    if nix::unistd::geteuid().is_root() {
        command.args(["--bounding-set=-net_raw", "--inh-caps=-net_raw"]);
    }
    command.arg(common::program("udp_ping_client")).args(args).output().ok()
}

#[test]
fn without_the_privilege_the_page_begins_with_the_udp_header_and_no_bit_can_be_spoilt() {
    let test = "without_the_privilege_the_page_begins_with_the_udp_header_and_no_bit_can_be_spoilt";
    if let Some(why) = lacks(&["setpriv"]) {
        return skip(test, &why);
    }
    let server = Server::start("udp_ping_server", &["--loss", "0"]);
    let output = unprivileged(&[&server.at(), "-n", "1", "--explain"]).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text.matches("The IP header is not shown").count(), 2, "{text}");
    assert_eq!(text.matches(", right\n").count(), 2, "{text}");
    assert!(!text.contains("IPv4 header") && text.lines().all(|line| line.chars().count() <= 80));
    let output = unprivileged(&[&server.at(), "--flip-bit", "7"]).unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains("sudo") && error.contains("unshare -rn"), "{error}");
}
