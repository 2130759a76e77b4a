//! What a power cut would find on the disk: watched from outside, by strace.

#[path = "../../tests/common/mod.rs"]
mod common;

use common::{lacks, skip, tool};

/// What `a_file_is_on_the_disk_before_it_gets_its_name` starts under strace.
#[test]
#[ignore = "started by another test"]
fn replace_one_file() {
    let Some(path) = std::env::var_os("REPLACE_ONE_FILE") else { return };
    monitor::atomic::replace(path.as_ref(), b"new").unwrap();
}

/// The calls of `replace_one_file` that matter, in their order.
fn traced(inject: &str) -> Result<(Vec<String>, String), String> {
    let folder = tempfile::tempdir().unwrap();
    let (path, log) = (folder.path().join("data.json"), folder.path().join("log"));
    std::fs::write(&path, "old").unwrap();
    let mut strace = tool("strace");
    strace.args(["-f", "-y", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2", "-o"]);
    strace.arg(&log).args((!inject.is_empty()).then_some(["-e", inject]).iter().flatten());
    strace.arg(std::env::current_exe().unwrap());
    strace.args(["--exact", "replace_one_file", "--ignored"]);
    let output = strace.env("REPLACE_ONE_FILE", &path).output().unwrap();
    let log = std::fs::read_to_string(log).unwrap_or_default();
    if !log.contains("sync(") && !log.contains("rename") {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_string());
    }
    let calls = log.lines().filter(|line| line.contains("data.json") || line.contains("sync("));
    Ok((calls.map(str::to_string).collect(), std::fs::read_to_string(path).unwrap()))
}

#[test]
fn a_file_is_on_the_disk_before_it_gets_its_name() {
    let test = "a_file_is_on_the_disk_before_it_gets_its_name";
    if let Some(why) = lacks(&["strace"]) {
        return skip(test, &why);
    }
    let (calls, content) = match traced("") {
        Ok(traced) => traced,
        Err(why) => return skip(test, &format!("strace: {why}")),
    };
    assert_eq!(content, "new");
    let [content, name, folder] = calls.as_slice() else { panic!("{calls:#?}") };
    assert!(content.contains("sync(") && content.contains("/data.json.new>"), "{calls:#?}");
    assert!(name.contains("rename"), "{calls:#?}");
    // The name itself is on the disk only then.
    assert!(folder.contains("sync(") && !folder.contains("data.json"), "{calls:#?}");

    // A disk that does not take the content: the old file stays.
    let (calls, content) = traced("inject=fsync,fdatasync:error=EIO:when=1").unwrap();
    assert_eq!(content, "old", "{calls:#?}");
    assert!(!calls.iter().any(|call| call.contains("rename")), "{calls:#?}");
}
