//! `labs/shell`: programs by their names, in a world that one account's
//! terminals share and nobody else sees.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Running, skip};

/// A folder as an archive has it, with these programs.
struct Copy(PathBuf);

impl Copy {
    fn new(name: &str) -> Copy {
        let copy = std::env::temp_dir().join(format!("shell-{name}-{}", std::process::id()));
        fs::create_dir_all(copy.join("bin")).unwrap();
        fs::create_dir_all(copy.join("labs")).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("labs/shell");
        fs::copy(script, copy.join("labs/shell")).unwrap();
        for program in ["udp_ping_server", "udp_ping_client"] {
            fs::copy(common::program(program), copy.join("bin").join(program)).unwrap();
        }
        Copy(copy)
    }

    /// One terminal of this folder's world, in which `command` runs.
    fn shell(&self, command: &[&str]) -> Running {
        let mut shell = Command::new(self.0.join("labs/shell"));
        // Where the first shell of a folder leaves word for the next.
        shell.args(command).env("XDG_RUNTIME_DIR", &self.0).env_remove("SOCKLAB_WORLD");
        Running::start_command(shell)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn has_worlds(test: &str) -> bool {
    let tried = Command::new("unshare").args(["-rnm", "true"]).output();
    let allowed = tried.as_ref().is_ok_and(|output| output.status.success());
    if !allowed {
        skip(test, "this account may not have namespaces");
    }
    allowed
}

#[test]
fn two_accounts_follow_the_same_sheet_at_the_same_time() {
    if !has_worlds("two_accounts_follow_the_same_sheet_at_the_same_time") {
        return;
    }
    // Each folder has a world, as each account has.
    let copies = [Copy::new("one"), Copy::new("two")];
    let servers = copies.each_ref().map(|copy| {
        let mut server = copy.shell(&["udp_ping_server", "--drop", "2"]);
        // Both have the default port, which in one loopback only one can have.
        assert!(server.line().contains("listening on 127.0.0.1:12000"));
        server
    });
    for copy in &copies {
        let client = copy.shell(&["udp_ping_client", "-n", "3", "-W", "300ms"]).end();
        assert!(
            client.stdout.iter().any(|line| line.starts_with("3 sent, 2 received")),
            "{client:#?}"
        );
    }
    for server in servers {
        // The first terminal's process is the program itself, so Ctrl-C reaches it.
        let ended = server.interrupt();
        assert!(ended.stdout.iter().any(|line| line.contains("served 1 client")), "{ended:#?}");
    }
}

#[test]
fn the_world_has_its_own_tmp_and_the_same_folder() {
    if !has_worlds("the_world_has_its_own_tmp_and_the_same_folder") {
        return;
    }
    let copy = Copy::new("tmp");
    let mark = format!("/tmp/socklab-mark-{}", std::process::id());
    let inside = copy.shell(&["sh", "-c", &format!("touch {mark} && ls labs && pwd")]).end();
    assert_eq!(inside.code(), 0, "{inside:#?}");
    assert_eq!(inside.stdout[0], "shell", "{inside:#?}");
    assert_eq!(Path::new(&inside.stdout[1]), copy.0, "{inside:#?}");
    assert!(!Path::new(&mark).exists(), "{mark} is in everybody's /tmp");
    let outside = copy.shell(&["--outside", "sh", "-c", &format!("touch {mark}")]).end();
    assert_eq!(outside.code(), 0, "{outside:#?}");
    assert!(fs::remove_file(&mark).is_ok(), "--outside has everybody's /tmp");
}

#[test]
fn nobody_else_can_lay_a_world_under_an_account() {
    // A folder that somebody else could write is not believed: its note is not read.
    let copy = Copy::new("trap");
    let trap = copy.0.join("elsewhere");
    fs::create_dir_all(&trap).unwrap();
    let name = format!("socklab-{}", nix::unistd::getuid());
    std::os::unix::fs::symlink(&trap, copy.0.join(name)).unwrap();
    let ended = copy.shell(&["true"]).end();
    assert_eq!(ended.code(), 0, "{ended:#?}");
    assert_eq!(fs::read_dir(&trap).unwrap().count(), 0, "the shell wrote where a link led it");
}
