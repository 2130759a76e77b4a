//! EVENTS.md says what the monitor's programs print with `--json`, and what stands
//! in the files of results: no event and no field more, and none less.
//!
//! The scripts print a section's name before the lines that belong to it.

#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../../tests/common/events_page.rs"]
mod events_page;

use std::collections::BTreeMap;
use std::time::Duration;

use common::{alone, json_lines};
use events_page::{MONITOR, compare, page, pair};
use monitor::manager::tell::{Notice, Told};
use serde_json::{Map, Value, json};
use socklab::clock::At;

/// Every type of check, of the lab's services or of this machine.
const CHECKS: [&str; 11] = [
    "http http://127.0.0.1:10080/",
    "http http://127.0.0.1:1/",
    "https https://127.0.0.1:10443/ ca_file=ca.pem",
    "dns 127.0.0.1:10053 www.lab.test A --explain",
    "dns 127.0.0.1:10053 lab.test SOA",
    "ntp 127.0.0.1:10123 --explain",
    "tcp 127.0.0.1:10021",
    "udp 127.0.0.1:10009 -W 100ms",
    "echo 127.0.0.1:10007",
    "icmp 127.0.0.1 --explain",
    "trace 127.0.0.1",
];

fn checks() -> String {
    let checks = CHECKS.map(|check| format!("monitor check --json {check}")).join("; ");
    let well = pair("lab_services --ca-file ca.pem", &checks, false);
    let refused = "monitor check --json ntp 127.0.0.1:10123";
    let refusing = pair("lab_services --break 'ntp kiss RATE'", refused, false);
    format!("echo '## monitor check'; {well}; {refusing}")
}

/// The way to a host gets longer; a second service has to wait for the one
/// thread, which asks one that is silent.
fn run() -> String {
    let service = |name: &str, check: &str| {
        format!(
            "[[service]]\nname = \"{name}\"\ncheck = \"{check}\"\ninterval = \"1s\"\n\
             timeout = \"500ms\"\n"
        )
    };
    let way = service("way", "trace 127.0.0.1");
    let services =
        [&way, &service("silent", "udp 127.0.0.1:7"), &service("open", "tcp 127.0.0.1:1")];
    let services = services.map(String::as_str).concat();
    // It answers each ping as the host itself, and later as a router before it.
    let host = "import os, socket, struct\n\
        def total(data): n = sum(struct.unpack('!%dH' % (len(data) // 2), data)); \
        n = (n >> 16) + (n & 65535); return ~(n + (n >> 16)) & 65535\n\
        def message(kind, rest): data = struct.pack('!BBH', kind, 0, 0) + rest; \
        data += bytes(len(data) % 2); return data[:2] + struct.pack('!H', total(data)) + data[4:]\n\
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)\n\
        raw.bind(('127.0.0.1', 0)); open('ready', 'w')\n\
        while True:\n \
        packet = raw.recv(65535); request = packet[20:]\n \
        far = os.path.exists('far') and packet[8] < 2\n \
        if request[0] == 8: raw.sendto(message(11, bytes(4) + packet) if far \
        else message(0, request[4:]), ('127.0.0.1', 0))";
    format!(
        "sysctl -qw net.ipv4.icmp_echo_ignore_all=1; printf '{services}' >watch.toml; \
         python3 -c \"{host}\" & host=$!; until [ -e ready ]; do sleep 0.01; done; \
         python3 -c \"import socket, time; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); \
         s.bind(('127.0.0.1', 7)); time.sleep(999)\" & silent=$!; \
         echo '## monitor run'; monitor run --json --check-config watch.toml; \
         monitor run --json --threads 1 --data data watch.toml >told & monitor=$!; \
         until grep -q '\"trace\",\"verdict\":\"up\"' told; do sleep 0.01; done; touch far; \
         until grep -q '\"path\",\"at' told && grep -q skipped told; do sleep 0.01; done; \
         kill -HUP $monitor; until grep -q reload told; do sleep 0.01; done; \
         kill -INT $monitor; wait $monitor; kill $host $silent; cat told; \
         echo '## monitor, results-DAY.jsonl'; cat data/*.jsonl"
    )
}

/// A manager and its agent, killed, cut off, doubled, and without a disk.
fn manager_and_agent() -> String {
    let wait = |what: &str, file: &str| {
        format!("until grep -q '\"event\":\"{what}\"' {file}; do sleep 0.01; done; ")
    };
    let hello = "{\\\"type\\\":\\\"hello\\\",\\\"version\\\":1,\\\"agent_id\\\":7,\
        \\\"boot_id\\\":\\\"00112233445566778899aabbccddeeff\\\",\\\"config_rev\\\":0,\
        \\\"nonce\\\":\\\"0011223344556677001122334455667700112233445566770011223344556677\\\",\
        \\\"time\\\":\\\"2001-01-01T00:00:00Z\\\"}";
    let agent = "monitor_agent --json --allow 127.0.0.0/8 --spool 1";
    let steps = [
        "mkfifo typed; monitor_manager --json <typed >manager & manager=$!; exec 3>typed; "
            .to_string(),
        wait("start", "manager"),
        "echo addconf 1 tcp 127.0.0.1 1 1 >&3; echo addconf 1 tcp 192.0.2.1 1 1 >&3; ".to_string(),
        format!("{agent} --state a.json >>agent & agent=$!; "),
        wait("result", "manager"),
        format!("cp a.json b.json; {agent} --state b.json >other & other=$!; "),
        wait("taken_over", "manager"),
        wait("away", "agent"),
        format!(
            "kill -9 $other $agent; wait $other $agent; {agent} --state a.json >>agent & agent=$!; "
        ),
        wait("reconnected", "manager"),
        // A folder stands where the file of the day was.
        "file=$(echo results/*.jsonl); until mkdir $file 2>/dev/null; do mv $file old; done; "
            .to_string(),
        wait("not_stored", "manager"),
        // With room for one, the agent has to drop some of these.
        "made() { grep -c item a.json.spool; }; before=$(made); \
         until [ $(made) -gt $((before + 2)) ]; do sleep 0.01; done; "
            .to_string(),
        "rmdir $file; ".to_string(),
        wait("dropped", "manager"),
        "kill -INT $agent; wait $agent; ".to_string(),
        wait("lost", "manager"),
        format!(
            "python3 -c \"import socket\nfor text in b'x', b'{hello}':\n \
             s = socket.create_connection(('127.0.0.1', 54321)); s.sendall(text + b'\\n'); s.recv(9)\"; "
        ),
        wait("refused", "manager"),
        wait("skewed", "manager"),
        "echo exit >&3; wait $manager; ".to_string(),
        "for section in manager agent; do echo \"## monitor_$section\"; cat $section; done; \
         echo '## monitor_manager, results-DAY.jsonl'; cat old $file"
            .to_string(),
    ];
    steps.concat()
}

/// The lines of each section.
fn sections(text: &str) -> BTreeMap<String, Vec<Value>> {
    let mut sections: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for part in text.split("## ").skip(1) {
        let (section, lines) = part.split_once('\n').unwrap();
        sections.entry(section.to_string()).or_default().extend(json_lines(lines));
    }
    sections
}

/// An object as the event `name`, with these fields.
fn event(name: &str, fields: &Map<String, Value>) -> Value {
    let mut event = Map::new();
    event.insert("event".into(), name.into());
    event.insert("at_ns".into(), 0.into());
    event.extend(fields.clone());
    event.into()
}

/// Takes what has a section of its own out of an event: the details of a
/// result, and an explained packet.
fn take_parts(line: &mut Value, details: &mut Vec<Value>, pages: &mut Vec<Value>) {
    let check = line["type"].as_str().or(line["check"].as_str());
    // In the manager's files a task has only its number.
    let kind = check.map(|check| check.split(' ').next().unwrap().replace("https", "http"));
    let detail = line.get_mut("detail").map(Value::take);
    if let (Some(kind), Some(Value::Object(detail))) = (kind, detail) {
        details.push(event(&kind, &detail));
    }
    if let Some(Value::Object(mut page)) = line.get_mut("page").map(Value::take) {
        page.extend([("way".to_string(), Value::Null), ("seq".to_string(), Value::Null)]);
        pages.push(event("explain", &page));
    }
}

#[test]
fn events_md_lists_what_the_monitors_programs_print_and_nothing_else() {
    let test = "events_md_lists_what_the_monitors_programs_print_and_nothing_else";
    let mut printed: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let lab = "echo '## lab_services'; \
               printf 'stop http\nheal\nhelp\nexit\n' | lab_services --json";
    for script in [checks(), run(), manager_and_agent(), lab.to_string()] {
        let script = format!("folder=$(mktemp -d); cd $folder; {script}; cd /; rm -r $folder");
        let Some(text) = alone(test, &["mkfifo", "python3", "sysctl"], &script) else { return };
        for (section, lines) in sections(&text) {
            printed.entry(section).or_default().extend(lines);
        }
    }
    // One comes after a minute and a half, and one when a terminal is slower than a crowd.
    let rare = [
        Notice::Silent { agent: 1, after: Duration::from_secs(90) },
        Notice::LeftOut { notices: 1 },
    ];
    let rare = rare.map(|notice| json!(Told { at: At::now(), notice }));
    printed.get_mut("monitor_manager").unwrap().extend(rare);

    let (mut details, mut pages) = (Vec::new(), Vec::new());
    for (section, lines) in &mut printed {
        for line in lines {
            if section.ends_with(".jsonl") {
                let name = line["entry"].as_str().unwrap_or("line").to_string();
                *line = event(&name, line.as_object().unwrap());
            }
            take_parts(line, &mut details, &mut pages);
        }
    }
    printed.insert("Details of a result".to_string(), details);
    let page = page();
    for section in MONITOR {
        compare(section, &page[section], &printed[section]);
    }
    let explain = page["udp_ping_client"]["explain"].clone();
    compare("monitor check", &[("explain".to_string(), explain)].into(), &pages);
}
