use super::*;

fn hello(agent_id: Option<u64>, boot_id: &str, name: Option<&str>) -> Hello {
    Hello {
        version: 1,
        agent_id,
        claim: None,
        name: name.map(str::to_string),
        boot_id: boot_id.into(),
        config_rev: 0,
        nonce: String::new(),
        time: String::new(),
    }
}

#[test]
fn who_claims_again_gets_the_same_identifier() {
    let mut data = Data::default();
    data.add(1, "icmp 8.8.8.8", 1000).unwrap();
    assert_eq!(data.claim(&hello(None, "a", None)), Ok(1));
    // The welcome was lost: the same start of the agent asks again.
    assert_eq!(data.claim(&hello(None, "a", None)), Ok(1));
    // The agent was killed, and has kept what it claimed with.
    let claims = |boot: &str| Hello { claim: Some("z".into()), ..hello(None, boot, None) };
    assert_eq!(data.claim(&claims("b")), Ok(2));
    assert_eq!(data.claim(&claims("c")), Ok(2));
    assert_eq!(data.claim(&hello(None, "b", None)), Ok(3));
    let again: Data = serde_json::from_str(&serde_json::to_string(&data).unwrap()).unwrap();
    assert_eq!(again, data);
}

#[test]
fn tasks_that_do_not_fit_into_a_message_are_refused_when_they_are_added() {
    let mut data = Data::default();
    let url = |n: usize| format!("http http://www.example.com/{}/{n}", "path/".repeat(20));
    let added = (1..=MOST_TASKS).take_while(|n| data.add(1, &url(*n), 1000).is_ok()).count();
    assert!((300..MOST_TASKS).contains(&added), "{added}");
    assert!(data.add(1, &url(0), 1000).unwrap_err().contains("do not fit into one message"));
    assert_eq!(data.config(1).tasks.len(), added);
    assert!(Message::Config(data.config(1)).line().is_ok());
    // Nor does a file that somebody has edited get an agent stuck.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.json");
    let task = Task { task: "x".into(), check: url(7), interval_ms: 1 };
    data.agents.entry(1).or_default().tasks.extend(vec![task; 300]);
    data.save(&path).unwrap();
    assert!(Data::load(&path).unwrap_err().contains("the tasks of agent 1 do not fit"));
}

#[test]
fn no_number_in_the_file_overflows() {
    let mut data = Data::default();
    data.add(1, "tcp a 1", 1000).unwrap();
    data.agents.entry(1).or_default().rev = u64::MAX;
    assert!(data.add(1, "tcp b 1", 1000).unwrap_err().contains("no revisions"));
    assert!(data.remove(1, "1").unwrap_err().contains("no revisions"));
    data.agents.entry(1).or_default().next_task = u64::MAX;
    assert!(data.add(1, "tcp b 1", 1000).unwrap_err().contains("no numbers"));
    assert_eq!(data.config(1).tasks.len(), 1);
}

#[test]
fn what_is_saved_is_loaded_and_nothing_is_there_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.json");
    let mut data = Data::load(&path).unwrap();
    assert_eq!(data, Data::default());
    assert_eq!(data.add(3, "tcp bing.com 443", 10_000).unwrap(), "1");
    assert_eq!(data.add(3, "icmp 8.8.8.8", 1000).unwrap(), "2");
    data.save(&path).unwrap();
    assert_eq!(Data::load(&path).unwrap(), data);
    assert_eq!(data.config(3).rev, 2);
    assert_eq!(data.config(4), Config { rev: 0, tasks: Vec::new() });
}

#[test]
fn a_damaged_file_is_refused_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.json");
    for content in ["{\n\"version\": 1,\n", "", "{\n  \"version\": 1,\n  \"agents\": 7\n}"] {
        fs::write(&path, content).unwrap();
        let why = Data::load(&path).unwrap_err();
        assert!(why.contains("is damaged") && why.contains("line "), "{why}");
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    fs::write(&path, "{\"version\": 2, \"agents\": {}}").unwrap();
    assert!(Data::load(&path).unwrap_err().contains("version 2"));
}

#[test]
fn a_file_edited_by_hand_gives_no_number_twice() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.json");
    let task = |name: &str| {
        format!(r#"{{"task": "{name}", "check": "tcp {name} 1", "interval_ms": 1000}}"#)
    };
    let file = |tasks: &[String]| {
        let tasks = tasks.join(",");
        format!(
            r#"{{"version": 1, "agents": {{"1": {{"claimed": false, "rev": 1, "next_task": 0, "tasks": [{tasks}]}}}}}}"#
        )
    };
    fs::write(&path, file(&[task("7"), task("mail"), task("2")])).unwrap();
    let mut data = Data::load(&path).unwrap();
    assert_eq!(data.add(1, "icmp 8.8.8.8", 1000).unwrap(), "8");
    fs::write(&path, file(&[task("7"), task("7")])).unwrap();
    assert!(Data::load(&path).unwrap_err().contains("agent 1 has two tasks \"7\""));
}

#[test]
fn a_configuration_may_be_there_before_its_agent() {
    let mut data = Data::default();
    data.add(2, "icmp 8.8.8.8", 1000).unwrap();
    assert_eq!(data.claim(&hello(None, "a", None)), Ok(1));
    assert_eq!(data.claim(&hello(None, "b", Some("attic"))), Ok(2));
    assert_eq!(data.config(2).tasks.len(), 1);
    assert_eq!(data.claim(&hello(None, "c", None)), Ok(3));
    // Who was here before keeps its identifier, though the file was lost.
    assert_eq!(data.claim(&hello(Some(9), "d", None)), Ok(9));
    assert_eq!(data.claim(&hello(Some(2), "e", None)), Ok(2));
    assert_eq!(data.agents[&2].name.as_deref(), Some("attic"));
    for id in 100..100 + MOST_AGENTS as u64 {
        let _ = data.claim(&hello(Some(id), "f", None));
    }
    assert_eq!(data.agents.len(), MOST_AGENTS);
    assert!(data.claim(&hello(None, "g", None)).is_err());
    assert!(data.claim(&hello(Some(9), "h", None)).is_ok());
}

#[test]
fn tasks_are_taken_away_by_number() {
    let mut data = Data::default();
    for check in ["tcp a 1", "tcp b 2", "tcp c 3"] {
        data.add(1, check, 1000).unwrap();
    }
    assert!(data.add(1, "tcp b 2", 5).unwrap_err().contains("as task 2"));
    assert_eq!(data.remove(1, "2").unwrap().check, "tcp b 2");
    assert_eq!(data.remove(1, "3").unwrap().check, "tcp c 3");
    assert!(data.remove(1, "3").unwrap_err().contains("no task \"3\""));
    assert!(data.remove(7, "3").unwrap_err().contains("no agent 7"));
    // A number is never given again, and each change is a revision.
    assert_eq!(data.add(1, "tcp d 4", 1000).unwrap(), "4");
    assert_eq!(data.config(1).rev, 6);
}
