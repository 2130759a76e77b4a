//! An agent whose disk is full for a while loses nothing that it calls kept.

use std::fs;

use monitor::agent::journal::{Damage, Journal};
use serde_json::Value;

use crate::common::{lacks, program, skip, tool};
use crate::world::{Manager, Process, wait_until};

#[test]
fn what_came_while_the_disk_was_full_is_written_when_there_is_room() {
    const NAME: &str = "what_came_while_the_disk_was_full_is_written_when_there_is_room";
    if let Some(why) = lacks(&["unshare", "mount", "timeout"]) {
        return skip(NAME, &why);
    }
    let mut mount = tool("unshare");
    mount.args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]);
    if !mount.output().is_ok_and(|output| output.status.success()) {
        return skip(NAME, "this user may not mount anything, not even in a namespace of his own");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut manager = Manager::start(folder.path(), &["--quiet"]);
    for port in 1..=4 {
        manager.command(&format!("addconf 1 tcp 127.0.0.1 {port} 1"), "added");
    }
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    // Its manager goes, then the disk is full, then there is room again. For four
    // seconds nothing can be seen from outside: results are made, and not written.
    let script = format!(
        "mount -t tmpfs -o size=128k none {disk}
        {agent} --manager {manager} --state {disk}/agent.json --json >out 2>err &
        until grep -q '\"away\"' out; do sleep 0.05; done
        head -c 1000000 /dev/zero >{disk}/filler 2>/dev/null
        until grep -q 'no space left' err; do sleep 0.05; done
        before=$(wc -l <{disk}/agent.json.spool); sleep 4
        rm {disk}/filler
        until [ $(wc -l <{disk}/agent.json.spool) -gt $((before + 10)) ]; do sleep 0.05; done
        kill $!; wait $!; echo ended with $?; cp {disk}/agent.json.spool spool",
        agent = program("monitor_agent").display(),
        manager = manager.address,
        disk = disk.display(),
    );
    let mut command = tool("timeout");
    command.args(["240", "unshare", "-rm", "--kill-child", "--fork", "sh", "-c", &script]);
    let mut child =
        command.current_dir(folder.path()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    manager.process().line_with("agent 1 connected").unwrap();
    manager.process().line_with("confirmed revision").unwrap();
    wait_until("results are stored", || !manager.stored().is_empty());
    manager.kill();
    assert!(child.wait().unwrap().success());

    let told = fs::read_to_string(folder.path().join("err")).unwrap();
    assert_eq!(told.lines().count(), 1, "{told}");
    let said = fs::read_to_string(folder.path().join("out")).unwrap();
    let summary: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    let (journal, damage) = Journal::open(&folder.path().join("spool"), usize::MAX).unwrap();
    assert_eq!(damage, Damage::default());
    assert_eq!(summary["unconfirmed"], journal.spool.results(), "{summary}");
    assert_eq!(summary["kept"], true, "{summary}");
    let numbers: Vec<u64> = journal.spool.items().map(|item| item.numbers().0).collect();
    assert!(numbers.len() > 10, "{numbers:?}");
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?}");
}

#[test]
fn what_the_managers_bound_does_not_take_stays_with_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let mut manager = Manager::start(folder.path(), &["--quiet", "--max-disk", "2K"]);
    manager.command("addconf 1 tcp 127.0.0.1 1 1", "added");
    let address = manager.address.to_string();
    let _agent = Process::start("monitor_agent", folder.path(), &["--manager", &address]);
    let line = manager.process().line_with("could not be stored").unwrap();
    assert!(line.contains("may have 2048 (--max-disk)"), "{line}");
    let results = folder.path().join("results");
    let day = || {
        let mut files = fs::read_dir(&results).unwrap().map(|file| file.unwrap().path());
        files.find(|path| path.extension().is_some_and(|ending| ending == "jsonl")).unwrap()
    };
    let before = manager.stored().values().map(Vec::len).sum::<usize>();
    assert!(before > 0 && fs::metadata(day()).unwrap().len() <= 2048, "{before} results");
    // Its agent has gone on meanwhile, and tries again now and then.
    manager.process().line_with("could not be stored").unwrap();
    fs::rename(day(), results.join("away")).unwrap();
    let stored = || manager.stored().into_values().next().unwrap();
    wait_until("there is room again", || stored().len() > before + 2);
    let mut numbers = stored();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "lost, or stored twice");
}
