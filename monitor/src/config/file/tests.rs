//! Files that are right, and everything that can be wrong with one.

use super::*;
use proptest::prelude::*;
use std::time::Duration;

fn problems(text: &str) -> Vec<(usize, String)> {
    let problems = parse(text).unwrap_err();
    problems.into_iter().map(|Problem { line, what }| (line, what)).collect()
}

#[test]
fn a_file_is_read_with_its_defaults_and_shorthands() {
    let config = parse(
        r#"exit_commands = ["bye"]
        [defaults]
        interval = 30
        down_after = 3

        [[service]]
        name = "mx"
        type = "dns"
        server = "8.8.8.8"
        query = "google.com"
        record = "mx"
        interval = "2m"

        [[service]]
        check = "tcp www.example.com 80 5"
        up_after = 2

        [[service]]
        type = "HTTPS"
        url = "example.com"
        headers = { Accept = "text/html" }
        expect_status = [200, "301-302"]
        "#,
    )
    .unwrap();
    assert_eq!(config.exit_commands, ["bye"]);
    let [mx, tcp, https] = &config.services[..] else { panic!("{config:?}") };
    assert_eq!((mx.name.as_str(), mx.interval), ("mx", Duration::from_secs(120)));
    assert_eq!(mx.check.to_string(), "dns 8.8.8.8 google.com MX");
    assert_eq!((tcp.interval, tcp.timeout), (Duration::from_secs(5), Duration::from_secs(5)));
    assert_eq!((tcp.down_after, tcp.up_after), (3, 2));
    assert_eq!(tcp.name, "tcp www.example.com 80");
    assert_eq!(https.interval, Duration::from_secs(30));
    assert_eq!(
        https.check.to_string(),
        "https https://example.com headers=\"accept: text/html\" expect_status=200,301-302"
    );
}

#[test]
fn all_that_is_wrong_is_told_at_once_with_lines_and_mends() {
    let found = problems(
        r#"colour = "red"
[defaults]
intervall = 5
[[service]]
name = "a"
type = "dns"
server = "8.8.8.8"
querry = "google.com"
query = "google.com"
interval = "1s"
timeout = "5s"
[[service]]
name = "a"
type = "udp"
host = "h"
port = 70000
expect = "/(/"
[[service]]
type = "htp"
[[service]]
name = "b"
type = "icmp"
host = "h"
count = 50
[[service]]
name = "c"
type = "tcp"
host = "h"
[[service]]
check = "tcp h"
"#,
    );
    let expected = [
        (1, "unknown key colour"),
        (3, "did you mean interval?"),
        (8, "a: unknown key querry; did you mean query?"),
        (10, "a: interval 1s is shorter than timeout 5s"),
        (13, "the service in line 5 has this name already"),
        (16, "a: port must be a whole number from 1 to 65535, not 70000"),
        (17, "a: expect is no regular expression: /(/: unclosed group"),
        (19, "htp is not a type; did you mean http?"),
        (24, "b: the pings take 10s or more"),
        (25, "c: no port, which tcp needs"),
        (30, "check: no port; usage: tcp HOST PORT"),
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for ((line, what), (expected_line, words)) in found.iter().zip(expected) {
        assert_eq!(*line, expected_line, "{what}");
        assert!(what.contains(words) && !what.contains('\n'), "{what}");
    }
}

#[test]
fn errors_of_syntax_are_told_beside_those_of_other_services() {
    let found = problems(
        "[[service]]\ntype = \"tcp\nhost = \"h\"\n[[service]]\ntype = \"nix\"\n[[service]]\nx = = 1\n",
    );
    let lines: Vec<usize> = found.iter().map(|(line, _)| *line).collect();
    assert!(lines.contains(&2) && lines.contains(&5) && lines.contains(&7), "{found:#?}");
    assert!(!found.iter().any(|(_, what)| what.starts_with("no ")), "{found:#?}");
}

#[test]
fn wrong_shapes_are_refused() {
    for (text, words) in [
        ("service = 5", "two brackets"),
        ("[service]\ntype = \"tcp\"", "two brackets"),
        ("defaults = 5", "[defaults]"),
        ("[defaults]\nname = \"x\"", "a name belongs to one service"),
        ("exit_commands = []", "at least one word"),
        ("service = [5]", "a service is a table"),
        ("[[service]]\nname = \"x\"", "x: no type"),
        ("[[service]]\ntype = 5", "is not a type"),
        ("[[service]]\ncheck = 5", "text in quotes"),
        ("[[service]]\ncheck = \"ntp x\"\ntype = \"ntp\"", "leave out one"),
        ("[[service]]\ncheck = \"ntp x\"\nname = \"\"", "1 to 80 characters"),
        ("[[service]]\ncheck = \"ntp x\"\ninterval = 1979-05-27", "not 1979-05-27"),
        ("[[service]]\ncheck = \"ntp x\"\ninterval = 99999999999999999999", "interval"),
        ("[[service]]\ncheck = \"ntp x\"\ncheck = \"ntp y\"", "duplicate key"),
    ] {
        let found = problems(text);
        assert!(found.iter().any(|(_, what)| what.contains(words)), "{text}: {found:?}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text: String, lines in prop::collection::vec(
        "\\[\\[service\\]\\]|\\[defaults\\]|[a-z_]{1,8} ?= ?(\"[a-z ]*\"|[0-9.]{1,5}|\\[|\\{|')", 0..8,
    )) {
        let _ = parse(&text);
        let _ = parse(&lines.join("\n"));
    }
}
