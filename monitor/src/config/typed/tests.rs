use super::*;
use crate::check::echo::{Echo, Protocol};
use crate::check::tcp::Tcp;
use crate::check::trace::Trace;
use proptest::prelude::*;
use std::time::Duration;

fn typed(line: &str) -> Typed {
    parse(line).unwrap_or_else(|why| panic!("{line}: {why}"))
}

fn seconds(line: &str) -> Option<u64> {
    typed(line).interval().map(|interval| interval.as_secs())
}

#[test]
fn every_line_of_the_table_is_understood() {
    for (line, shown) in [
        ("http http://example.com", "http http://example.com"),
        ("https example.com", "https https://example.com"),
        ("HTTP example.com", "http http://example.com"),
        ("icmp 8.8.8.8", "icmp 8.8.8.8"),
        ("icmp 8.8.8.8 1", "icmp 8.8.8.8"),
        ("icmp 8.8.8.8 2", "trace 8.8.8.8"),
        ("Ping 8.8.8.8", "icmp 8.8.8.8"),
        ("trace 8.8.8.8", "trace 8.8.8.8"),
        ("dns 8.8.8.8 google.com MX", "dns 8.8.8.8 google.com MX"),
        ("dns 8.8.8.8 google.com", "dns 8.8.8.8 google.com"),
        ("dns 127.0.0.1:5353 www.lab.test A", "dns 127.0.0.1:5353 www.lab.test"),
        ("DNS [::1]:5353 www.lab.test aaaa", "dns [::1]:5353 www.lab.test AAAA"),
        ("ntp pool.ntp.org", "ntp pool.ntp.org"),
        ("ntp 127.0.0.1:1123", "ntp 127.0.0.1:1123"),
        ("tcp www.example.com 80", "tcp www.example.com 80"),
        ("udp www.example.com 53", "udp www.example.com 53"),
        ("udp [::1]:53", "udp ::1 53"),
        ("echo 127.0.0.1 10100", "echo 127.0.0.1 10100"),
        ("udp_echo 127.0.0.1", "echo 127.0.0.1"),
        ("tcp_echo 127.0.0.1 7", "echo 127.0.0.1 7 protocol=tcp"),
        ("local 10100", "echo 127.0.0.1 10100"),
    ] {
        let typed = typed(line);
        assert_eq!(typed.check.to_string(), shown, "{line}");
        assert_eq!(typed.interval(), None, "{line}");
    }
}

#[test]
fn a_number_is_the_first_thing_that_it_can_be() {
    assert_eq!(seconds("tcp host 80 5"), Some(5));
    assert_eq!(seconds("tcp host:80 5"), Some(5));
    assert_eq!(seconds("tcp host 80"), None);
    assert_eq!(seconds("icmp 8.8.8.8 2 300"), Some(300));
    assert_eq!(typed("icmp 8.8.8.8 2 300").check.kind(), "trace");
    assert_eq!(seconds("icmp 8.8.8.8 1 5m"), Some(300));
    assert_eq!(seconds("icmp 8.8.8.8 5"), Some(5));
    assert_eq!(seconds("icmp 8.8.8.8 2s"), Some(2));
    assert_eq!(seconds("ping 8.8.8.8 2"), Some(2));
    assert_eq!(seconds("dns 8.8.8.8 google.com 60"), Some(60));
    assert_eq!(seconds("dns 8.8.8.8 google.com MX 60"), Some(60));
    assert_eq!(seconds("echo 127.0.0.1 10100 30"), Some(30));
    assert_eq!(seconds("local 10100 30"), Some(30));
    assert_eq!(seconds("http example.com 1.5m"), Some(90));
    assert_eq!(seconds("ntp pool.ntp.org interval=64"), Some(64));
}

#[test]
fn every_parameter_can_be_typed_under_its_name() {
    let line = r#"tcp host 22 send="a b\r\n" expect='/^SSH-\d/' timeout=2s name="the shell" 30"#;
    let Typed { check, settings } = typed(line);
    let Check::Tcp(Tcp { send, expect, .. }) = &check else { panic!("{check:?}") };
    assert_eq!(send, b"a b\r\n");
    assert!(expect.as_ref().unwrap().is_in(b"SSH-2.0"));
    assert_eq!(settings.name.as_deref(), Some("the shell"));
    assert_eq!(settings.timeout, Some(Duration::from_secs(2)));
    let Check::Dns(dns) = typed("dns s q NS expect=a.test expect=b.test").check else { panic!() };
    assert_eq!(dns.expect, ["a.test", "b.test"]);
    assert_eq!(typed("dns s 'a=b'").check.to_string(), "dns s \"a=b\"");
    assert_eq!(typed("dns s '\"=b'").check.to_string(), r#"dns s "\"=b""#);
}

#[test]
fn what_is_wrong_is_told_on_one_line_with_the_usage() {
    for (line, words) in [
        ("", "TYPE ADDRESS"),
        ("htp example.com", "did you mean http?"),
        ("gopher x", "not a type of check"),
        ("tcp", "no host; usage: tcp HOST PORT"),
        ("tcp host", "no port"),
        ("tcp host 0", "port must be a whole number from 1 to 65535"),
        ("tcp host 80 soon", "\"soon\" is neither NAME=VALUE nor an interval"),
        ("tcp host 80 5 6", "\"6\" comes after the interval, where nothing else may follow"),
        ("tcp host 80 5 interval=6", "the interval is given twice"),
        ("tcp host 80 timout=5", "did you mean timeout?"),
        ("dns 8.8.8.8", "no query"),
        ("dns 8.8.8.8 google.com MZ", "record is wrong: \"MZ\" is no record type"),
        ("dns s q expect=1.2.3.4 expect_rcode=NXDOMAIN", "contradicts"),
        ("icmp host:80", "leave out :80"),
        ("http ftp://x", "http:// or https://"),
        ("udp host 1 expect=/(/", "no regular expression"),
        ("tcp \"host", "not closed"),
    ] {
        let why = parse(line).unwrap_err();
        assert!(why.contains(words) && !why.contains('\n'), "{line}: {why}");
    }
}

#[test]
fn a_short_interval_shortens_the_timeout_that_nobody_asked_for() {
    let service = typed("tcp host 80 2").service(&Settings::default()).unwrap();
    assert_eq!(service.timeout, Duration::from_secs(2));
    assert_eq!(service.name, "tcp host 80");
    let why = typed("tcp host 80 2 timeout=3").service(&Settings::default()).unwrap_err();
    assert!(why.contains("interval 2s is shorter than timeout 3s"), "{why}");
    let why = typed("icmp host count=100").service(&Settings::default()).unwrap_err();
    assert!(why.contains("the pings take 20s"), "{why}");
}

#[test]
fn the_classic_echo_names_stand_for_protocols() {
    let Check::Echo(Echo { protocol, .. }) = typed("TCP_ECHO host").check else { panic!() };
    assert_eq!(protocol, Protocol::Tcp);
    let Check::Trace(Trace { max_hops, .. }) = typed("icmp h 2 max_hops=5").check else { panic!() };
    assert_eq!(max_hops, 5);
}

/// Any value that some parameter could have.
fn value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[a-zA-Z0-9 =\"'\\\\./:{}\\n-]{1,20}",
        "[0-9]{1,5}",
        "[0-9]{1,4}(ms|s|m)",
        "0\\.[0-9]{1,6}",
        Just("tcp".to_string()),
        Just("true".to_string()),
        Just("false".to_string()),
        Just("hex:00ff".to_string()),
        Just("/a+ b/".to_string()),
        Just("MX".to_string()),
        Just("REFUSED".to_string()),
        Just("200-204,301".to_string()),
        Just("X-A: b c".to_string()),
        Just("HEAD".to_string()),
        Just("::1".to_string()),
    ];
    let text = text.prop_map(Value::Text);
    prop_oneof![
        4 => text.clone(),
        1 => prop::collection::vec(text, 1..4).prop_map(Value::List),
    ]
}

#[test]
fn every_setting_is_shown_as_it_is_typed_but_for_the_interval() {
    let line = "icmp h count=100 name=\"the link\" timeout=30s down_after=3 up_after=2";
    assert_eq!(typed(&format!("{line} 60")).to_string(), line);
    assert_eq!(typed("tcp h 80 60").to_string(), "tcp h 80");
}

#[test]
fn words_name_a_check_whatever_the_case_of_hosts_but_not_of_paths() {
    for (one, other, expected) in [
        ("http http://H/admin", "http http://h/admin", true),
        ("http http://h/admin", "http http://h/Admin", false),
        ("http http://h:80", "http http://h/", true),
        ("tcp H 80", "tcp h:80", true),
        ("tcp h 80", "tcp h 80 timeout=2s", true),
        ("tcp h 80 timeout=3s", "tcp h 80 timeout=2s", false),
        ("tcp h 80 expect=A", "tcp h 80 expect=a", false),
        ("dns S Q.test", "dns s q.TEST", true),
        ("icmp h", "trace h", false),
    ] {
        assert_eq!(typed(one).means(&typed(other)), expected, "{one}, {other}");
    }
}

proptest! {
    #[test]
    fn a_check_comes_back_from_the_text_that_it_is_shown_as(
        kind in prop::sample::select(TYPES.to_vec()),
        values in prop::collection::vec(value(), 40),
    ) {
        let mut check = Check::draft(kind).unwrap();
        let mut values = values.into_iter();
        for about in check.parameters() {
            // Several tries, for most values suit few parameters.
            for value in values.by_ref().take(4) {
                let _ = check.set(about.name, &value);
            }
        }
        for (name, value) in
            [("url", "x"), ("host", "x"), ("server", "x"), ("query", "y"), ("port", "9")]
        {
            if check.missing() == Some(name) {
                check.set(name, &Value::of(value)).unwrap().unwrap();
            }
        }
        prop_assume!(check.complete().is_ok());
        let shown = check.to_string();
        prop_assert!(!shown.contains('\n'));
        let again = parse(&shown).unwrap_or_else(|why| panic!("{shown}: {why}"));
        prop_assert_eq!(&again.check, &check, "{}", shown);
        prop_assert_eq!(again.settings, Settings::default());
    }

    #[test]
    fn nothing_typed_makes_it_panic(line: String, kind in prop::sample::select(TYPES.to_vec())) {
        let _ = parse(&line);
        let _ = parse(&format!("{kind} {line}"));
    }
}
