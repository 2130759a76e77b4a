//! Names with several addresses, and a client that must not be given the server's own port.

use serde_json::Value;

use crate::common::alone;

/// Each of these checks' events, where these names are known and the lab
/// listens on 127.0.0.1; None where that is not allowed.
fn with_names(test: &str, hosts: &str, checks: &[&str]) -> Option<Vec<Value>> {
    let checks: String =
        checks.iter().map(|check| format!("monitor check {check} --json -W 60s; ")).collect();
    let inside = format!(
        "mount --bind hosts /etc/hosts && {{ lab_services --ca-file ca.pem >lab & lab=$!; \
         until grep -q silent lab; do sleep 0.1; done; {checks} kill $lab; }}"
    );
    let script = format!(
        "folder=$(mktemp -d) && cd $folder && printf '{hosts}' >hosts && \
         unshare -m sh -c \"{inside}\"; rm -r $folder",
        inside = inside.replace('$', "\\$"),
    );
    let text = alone(test, &["mount"], &script)?;
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    Some(events)
}

/// Whom a check asked.
fn asked(event: &Value) -> &str {
    let detail = &event["detail"];
    detail["address"].as_str().or(detail["server"].as_str()).unwrap_or_default()
}

#[test]
fn every_type_asks_the_next_address_after_a_refusal() {
    // ::1 comes first, and nobody listens there.
    let hosts = "::1 twice.test\\n127.0.0.1 twice.test\\n";
    let checks = [
        "udp twice.test 10007 send=x",
        "echo twice.test 10007",
        "tcp_echo twice.test 10007",
        "dns twice.test:10053 www.lab.test",
        "ntp twice.test:10123",
        "tcp twice.test 10021",
        "http twice.test:10080",
        "udp twice.test 9",
        "tcp twice.test 9",
        "http twice.test:9",
    ];
    let test = "every_type_asks_the_next_address_after_a_refusal";
    let Some(events) = with_names(test, hosts, &checks) else { return };
    assert_eq!(events.len(), 10, "{events:#?}");
    for event in &events[..7] {
        assert_eq!(event["verdict"], "up", "{event}");
        assert!(asked(event).starts_with("127.0.0.1:"), "{event}");
    }
    for event in &events[7..] {
        let reason = event["reason"].as_str().unwrap();
        assert_eq!(event["verdict"], "down", "{event}");
        assert!(reason.contains("127.0.0.1: no program") && reason.contains("::1"), "{event}");
    }
}

#[test]
fn an_agent_tries_the_next_address_of_its_manager() {
    let test = "an_agent_tries_the_next_address_of_its_manager";
    let inside = "mount --bind hosts /etc/hosts; \
         monitor_manager --bind 127.0.0.1:15432 >manager & manager=$!; \
         until grep -q listening manager; do sleep 0.1; done; \
         monitor_agent --manager twice.test:15432 >said & agent=$!; \
         for turn in $(seq 600); do grep -q connected said && break; sleep 0.1; done; \
         kill $agent $manager; wait; cat said";
    let script = format!(
        "folder=$(mktemp -d) && cd $folder && printf '::1 twice.test\\n127.0.0.1 twice.test\\n' \
         >hosts && unshare -m sh -c \"{inside}\"; rm -r $folder",
        inside = inside.replace('$', "\\$"),
    );
    let Some(text) = alone(test, &["mount"], &script) else { return };
    assert!(text.contains("connected to 127.0.0.1:15432"), "{text}");
}

#[test]
fn every_type_knows_international_names() {
    let checks = [
        "udp bücher.test 10007 send=x",
        "echo Bücher.test 10007",
        "tcp_echo bücher.test 10007",
        "dns bücher.test:10053 www.lab.test",
        "ntp bücher.test:10123",
        "tcp bücher.test 10021",
        "http bücher.test:10080",
        "icmp bücher.test count=1",
        "trace bücher.test",
        "dns bücher.test:10053 bücher.lab.test expect_rcode=NXDOMAIN",
    ];
    let test = "every_type_knows_international_names";
    let hosts = "127.0.0.1 xn--bcher-kva.test\\n";
    let Some(events) = with_names(test, hosts, &checks) else { return };
    assert_eq!(events.len(), checks.len(), "{events:#?}");
    for event in &events {
        assert_eq!(event["verdict"], "up", "{event}");
    }
}

#[test]
fn no_udp_client_meets_itself() {
    // Of four ports the client is given the server's own in every fourth check.
    let script = "sysctl -qw net.ipv4.ip_local_port_range='32750 32753' || exit 1; \
         for turn in $(seq 25); do for kind in udp echo 'dns x.test' ntp; do \
         set -- $kind; monitor check $1 127.0.0.1:32750 $2; monitor check $1 [::1]:32750 $2; \
         done; done; true";
    let Some(text) = alone("no_udp_client_meets_itself", &["sysctl"], script) else { return };
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(lines.len(), 200, "{text}");
    for line in lines {
        assert!(line.starts_with("down  ") && line.contains("port unreachable"), "{line}");
    }
}
