//! EVENTS.md says what the programs print with `--json`: no event and no field more, and none less.
//!
//! Each section of the page has scripts here that bring about all its events,
//! in a network of their own. A new section needs an entry in [`scripts`]; those of
//! the monitor's programs are tried in monitor/tests/events.rs.

mod common;
#[path = "common/events_page.rs"]
mod events_page;

use common::{alone, json_lines, with_a_name_of_two_addresses};
use events_page::{MONITOR, compare, page, pair};

/// A datagram sent by hand, from any address to a port of 127.0.0.1.
fn forged(from: &str, port: u16, to: u16, text: &str) -> String {
    format!(
        "python3 -c \"import socket, struct; \
         raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW); \
         data = b'{text}'; udp = struct.pack('!4H', {port}, {to}, 8 + len(data), 0) + data; \
         ip = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0) \
         + socket.inet_aton('{from}') + socket.inet_aton('127.0.0.1'); \
         raw.sendto(ip + udp, ('127.0.0.1', 0))\""
    )
}

/// A server in Python that answers each datagram with these, one after the other;
/// `{}` is the datagram with its letters upper-cased.
fn answering(port: u16, answers: &[&str], client: &str) -> String {
    let answers: Vec<String> = answers.iter().map(|answer| format!("b'{answer}'")).collect();
    format!(
        "{{ python3 -c \"import socket\n\
         s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', {port}))\n\
         while True:\n \
         data, client = s.recvfrom(9999)\n \
         for answer in [{}]: s.sendto(answer.replace(b'{{}}', data.upper()), client)\" & \
         python=$!; until [ \"$(ss -Hul sport = :{port})\" ]; do sleep 0.01; done; {client}; \
         kill $python; }}",
        answers.join(", ")
    )
}

/// The client's way disappears while it runs, and then its server does.
fn way_lost(client: &str, host: &str) -> String {
    format!(
        "told=$(mktemp) && {{ ip route add 192.0.2.0/24 dev lo; \
         {client} {host} -n 0 -W 50ms --json >$told & client=$!; \
         until grep -q timeout $told; do sleep 0.01; done; \
         ip route replace prohibit 192.0.2.0/24; \
         until grep -q not_sent $told; do sleep 0.01; done; \
         kill -INT $client; wait $client; cat $told; rm $told; \
         ip route del prohibit 192.0.2.0/24; }}"
    )
}

/// A server holds its reply back while the way to the client disappears.
fn reply_lost(server: &str, port: u16, text: &str) -> String {
    let client = format!(
        "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.lo.rp_filter=0; \
         ip route add 192.0.2.0/24 dev lo; {}; \
         until grep -qE 'request|beat' $told; do sleep 0.01; done; \
         ip route replace prohibit 192.0.2.0/24; \
         until grep -q not_sent $told; do sleep 0.01; done; ip route del prohibit 192.0.2.0/24",
        forged("192.0.2.9", 7, port, text)
    );
    pair(&format!("{server} --bind 0.0.0.0:{port} --loss 0 --delay 300ms"), &client, true)
}

/// Runs `client` against a host that answers each of its pings as these words say.
fn odd_host(words: &str, client: &str) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/common/odd_host.py");
    format!(
        "told=$(mktemp) && {{ sysctl -qw net.ipv4.icmp_echo_ignore_all=1; \
         python3 {script} {words} >$told & python=$!; \
         until grep -q ready $told; do sleep 0.01; done; {client}; \
         kill $python; rm $told; sysctl -qw net.ipv4.icmp_echo_ignore_all=0; }}"
    )
}

/// The scripts that bring about all events of a section.
fn scripts(section: &str) -> Vec<String> {
    let ping = "udp_ping_client --json";
    let damage = "--drop 2 --duplicate 50% --corrupt 50% --seed 1";
    let refusing = with_a_name_of_two_addresses;
    match section {
        "udp_ping_client" => vec![
            pair(&format!("udp_ping_server {damage}"), &format!("{ping} -W 300ms"), false),
            pair(
                "udp_ping_server --loss 0 --delay 300ms",
                &format!("{ping} -W 200ms -n 3 --explain"),
                false,
            ),
            refusing(&format!("{ping} twice.test -n 1; true")),
            format!("{ping} -n 1 --flip-bit 70 -W 100ms"),
            way_lost("udp_ping_client", "192.0.2.7:7"),
            answering(7, &["hello", "PING 99 {}", "{}"], &format!("{ping} 7 -n 1")),
        ],
        "udp_ping_server" => vec![
            pair(
                &format!("udp_ping_server {damage} --reject-rate 30%"),
                &format!("{}; {ping} -W 300ms", forged("127.0.0.1", 12000, 12000, "x")),
                true,
            ),
            reply_lost("udp_ping_server", 12000, "x"),
        ],
        "udp_heartbeat client" => {
            let client = "udp_heartbeat client --json";
            vec![
                pair(
                    "udp_heartbeat server --drop 2 --duplicate 50% --seed 1",
                    &format!("{client} -n 10 -W 300ms"),
                    false,
                ),
                pair(
                    "udp_heartbeat server --loss 0 --delay 300ms",
                    &format!("{client} -W 200ms -n 3 --misses 1 --retry"),
                    false,
                ),
                refusing(&format!("{client} twice.test -n 1; true")),
                way_lost("udp_heartbeat client --retry", "192.0.2.7:7"),
                answering(7, &["hello", "99 0.5"], &format!("{client} 7 -n 1 -W 300ms")),
            ]
        }
        "udp_heartbeat server" => vec![
            pair(
                "udp_heartbeat server --drop 2 --silence 200ms",
                "udp_heartbeat client -n 3 -W 300ms; sleep 0.6; \
                 for text in hello \"1 $(date +%s)\" \"2 $(date +%s)\"; do \
                 echo $text; sleep 0.6; done \
                 | python3 -c \"import socket, sys\ns = socket.socket(socket.AF_INET, \
                 socket.SOCK_DGRAM)\nfor line in sys.stdin:\n \
                 s.sendto(line.encode(), ('127.0.0.1', 12002))\"",
                true,
            ),
            reply_lost("udp_heartbeat server", 12002, "1 $(date +%s)"),
        ],
        "icmp_ping" => vec![
            odd_host(
                "twice late spoilt error redirect foreign",
                "icmp_ping --json 127.0.0.1 -n 6 -i 500ms -W 200ms",
            ),
            "icmp_ping --json 127.0.0.1 -n 1 --explain".to_string(),
            "icmp_ping --json 127.0.0.1 -n 1 --flip-bit 70 -W 100ms".to_string(),
            way_lost("icmp_ping", "192.0.2.7"),
        ],
        "icmp_trace" => vec![odd_host(
            "twice late error error-twice late-error reply",
            "icmp_trace --json --numeric 127.0.0.1 -n 6 -m 1 -i 500ms -W 200ms",
        )],
        "tcp_ping client" => tcp_ping_client(),
        "tcp_ping server" => {
            let rude = in_python("s = tcp(12001); s.sendall(b'hello'); reset(s); time.sleep(0.6)");
            let client = "tcp_ping client -n 1 -W 300ms";
            let rejecting = "tcp_ping server --loss 0 --reject-rate 1";
            vec![
                pair("tcp_ping server --loss 0 --delay 300ms", &rude, true),
                pair(rejecting, client, true),
            ]
        }
        "echo_client" => echo_client(),
        "echo_server" => {
            let two = in_python(
                "a = tcp(10100); a.sendall(b'x'); a.recv(9); b = tcp(10100); b.recv(9); \
                 a.close(); c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); \
                 c.bind(('127.0.0.2', 10100)); c.sendto(b'x', ('127.0.0.1', 10100))",
            );
            let goodbye = format!("{two}; sleep 0.3; echo_client --message Goodbye");
            vec![pair("echo_server --max-clients 1 --stop-word Goodbye", &goodbye, true)]
        }
        "lossy_link --tcp" => vec![
            pair(
                "lossy_link --tcp --to 12001",
                &format!(
                    "tcp_ping client 13000 -n 1 -W 300ms; {}",
                    serving(12001, "s.sendall(b'x'); s.close()", "tcp_ping client 13000 -n 1")
                ),
                true,
            ),
            pair(
                "lossy_link --tcp --to 12001 --reset-after 3",
                &serving(12001, "s.sendall(b'x')", "tcp_ping client 13000 -n 1"),
                true,
            ),
        ],
        "lossy_link" => vec![
            // Nobody listens behind the link; and then no socket can be had.
            pair("lossy_link --to 12000", &format!("{ping} 13000 -n 2 -W 200ms"), true),
            pair("lossy_link --to 127.255.255.255:9", &format!("{ping} 13000 -n 1 -W 200ms"), true),
        ],
        other => panic!("no script brings about the events of {other}"),
    }
}

/// A few lines of Python: `tcp(PORT)` connects to 127.0.0.1, `reset(SOCKET)`
/// closes with a reset, `server(PORT)` listens.
fn in_python(lines: &str) -> String {
    format!(
        "python3 -c \"import socket, struct, time\n\
         def tcp(port): return socket.create_connection(('127.0.0.1', port))\n\
         def server(port): return socket.create_server(('127.0.0.1', port))\n\
         def reset(s):\n \
         s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); s.close()\n\
         {lines}\""
    )
}

/// A TCP server in Python, which does this with each connection `s`, while `client` runs.
fn serving(port: u16, with_each: &str, client: &str) -> String {
    let python = in_python(&format!(
        "l = server({port})\nwhile True:\n s = l.accept()[0]; d = s.recv(99); {with_each}"
    ));
    format!(
        "{{ {python} & python=$!; until [ \"$(ss -Htl sport = :{port})\" ]; do sleep 0.01; done; \
         {client}; kill $python; }}"
    )
}

/// The client sleeps, as a laptop does, until the answer to what it sent has
/// come, after its timeout of a second.
fn asleep(client: &str) -> String {
    format!(
        "told=$(mktemp) && {{ {client} -W 1s --json >$told & client=$!; \
         until grep -q sent $told; do sleep 0.01; done; kill -STOP $client; sleep 2; \
         kill -CONT $client; wait $client; cat $told; rm $told; }}"
    )
}

fn tcp_ping_client() -> Vec<String> {
    let ping = "tcp_ping client --json";
    let refusing = with_a_name_of_two_addresses;
    vec![
        pair("tcp_ping server --seed 3", ping, false),
        pair("tcp_ping server --loss 0 --delay 1500ms", &asleep("tcp_ping client -n 1"), false),
        pair("tcp_ping server --loss 0 --delay 1h", &format!("{ping} -n 1 -W 100ms"), false),
        pair("tcp_ping server --loss 0 --reject-rate 1", &format!("{ping} -n 1 -W 1s"), false),
        refusing(&format!("{ping} twice.test -n 1; true")),
        serving(7, "s.sendall(b'x' * 99); s.close()", &format!("{ping} 7 -n 1")),
        serving(7, "s.close()", &format!("{ping} 7 -n 1")),
        serving(7, "reset(s)", &format!("{ping} 7 -n 1")),
        format!("{ping} 192.0.2.1 -n 1"),
        format!("ip route add prohibit 192.0.2.0/24; {ping} 192.0.2.1 -n 1"),
        format!(
            "iptables -A INPUT -p tcp --dport 12001 -j REJECT --reject-with icmp-host-prohibited; \
             {ping} -n 1"
        ),
    ]
}

fn echo_client() -> Vec<String> {
    let hello = "echo_client --json --message hello";
    let refusing = with_a_name_of_two_addresses;
    vec![
        pair("echo_server", hello, false),
        pair("echo_server", "seq 9 | echo_client --tcp --json", false),
        pair("echo_server", &format!("{hello}$(head -c 99999 /dev/zero | tr \"\\0\" x)"), false),
        refusing(&format!("{hello} twice.test -n 1; true")),
        answering(7, &["hi"], &format!("{hello} 7")),
        answering(7, &[], &format!("{hello} 7 -W 100ms")),
        serving(7, "s.close()", &format!("{hello} 7 --tcp")),
        serving(7, "time.sleep(1.5); s.sendall(d)", &asleep("echo_client --message hello 7 --tcp")),
    ]
}

#[test]
fn events_md_lists_what_the_programs_print_and_nothing_else() {
    for (program, section) in page() {
        if MONITOR.contains(&program.as_str()) {
            continue;
        }
        let mut printed = Vec::new();
        for script in scripts(&program) {
            let test = "events_md_lists_what_the_programs_print_and_nothing_else";
            let tools = ["iptables", "mount", "python3", "ss", "sysctl"];
            let Some(text) = alone(test, &tools, &format!("{script}; true")) else { return };
            let events = json_lines(&text);
            assert!(!events.is_empty(), "{program}: nothing from {script}");
            printed.extend(events);
        }
        compare(&program, &section, &printed);
    }
}
