//! The program: what it writes where, and what it says of bad input.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

mod common;

use common::{client, request, sent, server};

/// A folder of the test's own, with a client's and a server's ledger.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("ladder-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let of_client = client(&[
            "sent 10 \"seq\":1",
            "reply 50 \"seq\":1",
            "sent 60 \"seq\":2",
            "summary 90 \"sent\":2",
        ]);
        let of_server = server(&[
            &request(20, 1, 1, "replied"),
            &sent(30, 1, 1),
            &request(70, 2, 2, "dropped"),
            "summary 95 \"received\":2,\"replied\":1",
        ]);
        std::fs::write(folder.join("client"), of_client).unwrap();
        std::fs::write(folder.join("server"), of_server).unwrap();
        Folder(folder)
    }

    fn ladder(&self, locale: &str, args: &[&str], input: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ladder"));
        command.args(args).current_dir(&self.0).env("LC_ALL", locale);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn it_draws_in_the_terminal_without_colours_in_a_pipe_and_in_ascii_where_there_is_no_more() {
    let folder = Folder::new("text");
    let drawn = folder.ladder("C.UTF-8", &["client", "server", "--width", "60"], "");
    assert_eq!((drawn.status.code(), text(&drawn.stderr)), (Some(0), String::new()));
    let lines = text(&drawn.stdout);
    assert!(
        lines.contains("├─ 1 ─") && lines.contains("2 dropped") && lines.contains('✗'),
        "{lines}"
    );
    assert!(
        !lines.contains('\x1b') && lines.lines().all(|line| line.chars().count() <= 60),
        "{lines}"
    );
    let plain = folder.ladder("C", &["client", "server"], "");
    let lines = text(&plain.stdout);
    assert!(lines.is_ascii() && lines.contains("+- 1 -") && lines.contains("2 dropped"), "{lines}");
    assert!(lines.lines().all(|line| line.len() <= 80), "{lines}");
}

#[test]
fn stdin_is_a_file_as_well() {
    let folder = Folder::new("stdin");
    let server = std::fs::read_to_string(folder.0.join("server")).unwrap();
    let from_files = folder.ladder("C.UTF-8", &["client", "server"], "");
    let from_stdin = folder.ladder("C.UTF-8", &["client", "-"], &server);
    assert_eq!(text(&from_stdin.stdout), text(&from_files.stdout));
}

#[test]
fn pictures_and_pages_need_nothing_else() {
    let folder = Folder::new("files");
    let drawn =
        folder.ladder("C", &["client", "server", "--svg", "run.svg", "--html", "run.html"], "");
    assert_eq!((drawn.status.code(), drawn.stdout.len()), (Some(0), 0));
    for name in ["run.svg", "run.html"] {
        let drawing = std::fs::read_to_string(folder.0.join(name)).unwrap();
        assert_eq!(drawing.matches("<g class=\"p ").count(), 3, "{name}");
        // The one address that stands in it names SVG itself.
        assert!(!drawing.replace("http://www.w3.org/2000/svg", "").contains("http"), "{name}");
    }
    let page = std::fs::read_to_string(folder.0.join("run.html")).unwrap();
    assert!(page.contains("\\\"fate\\\":\\\"dropped\\\""), "an arrow's events are in the page");
}

#[test]
fn bad_input_gets_one_line_and_status_2_and_what_can_be_drawn_is_drawn() {
    let folder = Folder::new("bad");
    for (args, why) in [
        (&["nowhere"][..], "ladder: cannot read nowhere: "),
        (&["client", "server", "--from", "9s"], "ladder: there is nothing between --from and --to"),
        (
            &["client", "server", "--svg", "no/such/folder.svg"],
            "ladder: cannot write no/such/folder.svg: ",
        ),
        (&["client", "--offset", "soon"], "ladder: "),
        (&["client", "server", "client"], "ladder: client is given twice"),
        (&["-", "-"], "ladder: - is given twice"),
        (&[], "ladder: "),
    ] {
        let ended = folder.ladder("C", args, "");
        let said = text(&ended.stderr);
        assert_eq!((ended.status.code(), said.lines().count()), (Some(2), 1), "{args:?}: {said}");
        assert!(said.starts_with(why), "{args:?}: {said}");
        assert!(ended.stdout.is_empty());
    }
    let foreign = folder.ladder("C", &["-"], "hello\nworld\n");
    assert_eq!(foreign.status.code(), Some(2));
    assert_eq!(
        text(&foreign.stderr),
        "ladder: stdin: no `start` of a program in it; write it with --json\n"
    );
    let cut = folder.ladder("C", &["client", "server", "-"], "{\"event\":\"sta");
    assert_eq!(cut.status.code(), Some(0));
    assert!(text(&cut.stderr).starts_with("ladder: stdin:1: cut off in the middle of a line\n"));
    assert!(text(&cut.stdout).contains("2 dropped"));
}
