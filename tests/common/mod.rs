//! What the tests share: starting a program and ending it whatever happens, and loud skips.

// Each test file is a crate of its own, and none uses everything.
#![allow(dead_code)]

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use serde_json::Value;

/// No step of a test takes so long unless something is wrong, however slow
/// the machine.
pub const DEADLINE: Duration = Duration::from_secs(300);

/// The folder of the programs that Cargo built for this test.
pub fn programs() -> &'static Path {
    // Each package's tests are told of its own programs; all are in one folder.
    option_env!("CARGO_BIN_EXE_udp_ping_server")
        .or(option_env!("CARGO_BIN_EXE_lab_services"))
        .and_then(|program| Path::new(program).parent())
        .expect("a program stands in a folder")
}

pub fn program(name: &str) -> PathBuf {
    programs().join(name)
}

/// A running program, whose stdout can be read line by line. It is killed
/// when it is dropped.
pub struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    seen: Vec<String>,
}

impl Running {
    pub fn start(name: &str, args: &[&str]) -> Running {
        let mut command = Command::new(program(name));
        command.args(args);
        Running::start_command(command)
    }

    pub fn start_command(mut command: Command) -> Running {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|why| panic!("cannot start {command:?}: {why}"));
        let stdout = lines(child.stdout.take().expect("stdout is piped"));
        let stderr = lines(child.stderr.take().expect("stderr is piped"));
        Running { child, stdout, stderr, seen: Vec::new() }
    }

    /// The next line of stdout; fails if the program ends without one.
    pub fn line(&mut self) -> String {
        match self.stdout.recv_timeout(DEADLINE) {
            Ok(line) => {
                self.seen.push(line.clone());
                line
            }
            Err(why) => {
                let complaints: Vec<String> = self.stderr.try_iter().collect();
                panic!("no further line ({why}) after {:#?}; stderr: {complaints:#?}", self.seen)
            }
        }
    }

    /// Reads on until a line contains `text`, and returns that line.
    pub fn line_with(&mut self, text: &str) -> String {
        loop {
            let line = self.line();
            if line.contains(text) {
                return line;
            }
        }
    }

    /// The process's number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id() as i32);
        signal::kill(pid, signal).expect("the program is ours, and not yet waited for");
    }

    /// Waits for the end: the lines not yet read, and the exit status.
    pub fn end(mut self) -> Ended {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the child is ours") {
                break status;
            }
            assert!(
                began.elapsed() < DEADLINE,
                "the program does not end; it said {:#?}",
                self.seen
            );
            // Not a wait for something that is hoped for: the loop has a deadline.
            thread::sleep(Duration::from_millis(5));
        };
        let stdout = self.stdout.iter().collect();
        let stderr = self.stderr.iter().collect();
        Ended { status, stdout, stderr }
    }

    /// Ctrl-C, then the end.
    pub fn interrupt(self) -> Ended {
        self.signal(Signal::SIGINT);
        self.end()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program left behind.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: Vec<String>,
    pub stderr: Vec<String>,
}

impl Ended {
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by a signal: {self:#?}"))
    }

    /// All stdout lines as JSON.
    pub fn events(&self) -> Vec<Value> {
        self.stdout
            .iter()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line:?}")))
            .collect()
    }
}

/// Runs a program to its end.
pub fn run(name: &str, args: &[&str]) -> Ended {
    Running::start(name, args).end()
}

/// A server on a free port of loopback, and its address.
pub struct Server {
    pub running: Running,
    pub address: SocketAddr,
}

impl Server {
    /// Starts `name` with `--bind 127.0.0.1:0` and these arguments.
    pub fn start(name: &str, args: &[&str]) -> Server {
        Server::start_at("127.0.0.1:0", name, args)
    }

    pub fn start_at(bind: &str, name: &str, args: &[&str]) -> Server {
        Server::start_command(name, &[&["--bind", bind], args].concat())
    }

    /// Starts `name` with these arguments, which name an address.
    pub fn start_command(name: &str, args: &[&str]) -> Server {
        let mut running = Running::start(name, args);
        let first = running.line();
        let address = listening(&first).unwrap_or_else(|| panic!("no address in {first:?}"));
        Server { running, address }
    }

    pub fn at(&self) -> String {
        self.address.to_string()
    }
}

/// The address in a server's first line, text or JSON.
pub fn listening(line: &str) -> Option<SocketAddr> {
    if let Ok(json) = serde_json::from_str::<Value>(line) {
        return json["listening"].as_str()?.parse().ok();
    }
    let (_, rest) = line.split_once("listening on ")?;
    rest.split(',').next()?.parse().ok()
}

/// The events of one name.
pub fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["event"] == name).collect()
}

/// The `seq` of each event of one name.
pub fn seqs(events: &[Value], name: &str) -> Vec<u64> {
    named(events, name)
        .iter()
        .map(|event| event["seq"].as_u64().expect("seq is a number"))
        .collect()
}

/// Waits for a condition that some other program brings about.
#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < DEADLINE, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Where programs are looked for: this user's PATH, and behind it the folders
/// of the system's administration, which an ordinary user's PATH on Debian
/// lacks. An iptables that is there must not pass for one that is not.
pub fn path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::join_paths(std::env::split_paths(&path).chain(more))
        .expect("the folders were taken out of such a list")
}

/// A program of others, to be started; it finds further ones as we do.
pub fn tool(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env("PATH", path());
    command
}

/// True if `tool` can be started.
pub fn have(tool: &str) -> bool {
    std::env::split_paths(&path()).any(|folder| folder.join(tool).is_file())
}

/// Starts one of the classic programs, which are in Python.
pub fn classic(script: &str, args: &[&str]) -> Running {
    let mut python = tool("python3");
    python.arg(format!("{}/tests/classic/{script}", env!("CARGO_MANIFEST_DIR"))).args(args);
    Running::start_command(python)
}

/// What a test cannot do without, if it is missing here.
pub fn lacks(tools: &[&str]) -> Option<String> {
    let missing = tools.iter().find(|tool| !have(tool))?;
    Some(format!("{missing} is not installed"))
}

/// Runs a script in a network namespace of its own, in which loopback is up
/// and capturing is allowed, for four minutes at most; our programs are in its
/// PATH. `None` where this user may not have one.
pub fn in_a_namespace(script: &str) -> Option<Output> {
    let enter = |script: &str| {
        let mut command = tool("timeout");
        command.args(["240", "unshare", "-n"]);
        if !nix::unistd::geteuid().is_root() {
            // Not -r: as root there, tcpdump would want to be somebody else.
            command.args(["-c", "--keep-caps"]);
        }
        command.args(["--kill-child", "--fork", "sh", "-c"]);
        let path = format!("export PATH={}:$PATH", programs().display());
        command.arg(format!("ip link set lo up || exit 99; {path}; {script}")).output().ok()
    };
    enter("true")?.status.success().then(|| enter(script))?
}

/// Runs a script as [`in_a_namespace`] does, and gives what it printed. `None`,
/// and a word about it, where that is not to be had; fails if the script does.
pub fn alone(test: &str, tools: &[&str], script: &str) -> Option<String> {
    if let Some(why) = lacks(&[&["timeout", "unshare", "ip"], tools].concat()) {
        skip(test, &why);
        return None;
    }
    let Some(output) = in_a_namespace(script) else {
        skip(test, "no network namespace for this user (unshare -n)");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    Some(text)
}

/// A script in which `twice.test` is a name with two addresses, first ::1 and
/// then 127.0.0.1, for [`alone`] with the tool `mount`.
pub fn with_a_name_of_two_addresses(script: &str) -> String {
    format!(
        "folder=$(mktemp -d) && printf '::1 twice.test\\n127.0.0.1 twice.test\\n' >$folder/hosts \
         && unshare -m sh -c 'mount --bind $0 /etc/hosts && {{ {script}; }}' $folder/hosts; \
         status=$?; rm -r $folder; exit $status"
    )
}

/// All lines of JSON in a text.
pub fn json_lines(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Has the kernel stamp what arrives, for all programs, as long as the socket
/// lives. Without it, it begins only a little after a program asks for it.
pub fn kernel_stamps() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback has ports");
    let began = Instant::now();
    while sys::stamp_arrivals(&socket) {
        let own = socket.local_addr().expect("it is bound");
        socket.send_to(b"?", own).expect("loopback is up");
        let packet = sys::receive_packet(&socket, &mut [0; 9], DEADLINE);
        if packet.expect("its own datagram arrives").stamp.is_some() {
            break;
        }
        assert!(began.elapsed() < DEADLINE, "the kernel stamps nothing");
    }
    socket
}

/// Says loudly that a test did not run, and why. With SOCKLAB_STRICT=1 it is a
/// failure, but for an ordinary user who may not do it (`allowed-skips.txt`).
/// `make test` counts these lines.
pub fn skip(test: &str, why: &str) {
    let line = format!("SKIP {test}: {why}\n");
    // Past the test runner, which would swallow what println! says.
    let _ = std::io::stderr().write_all(format!("\n{line}").as_bytes());
    if let Some(file) = std::env::var_os("SOCKLAB_SKIPS") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(file);
        file.and_then(|mut file| file.write_all(line.as_bytes()))
            .expect("the skips can be counted");
    }
    let strict = std::env::var_os("SOCKLAB_STRICT").is_some_and(|value| value == "1");
    assert!(!strict || may_skip(test, nix::unistd::geteuid().is_root()), "{line}");
}

/// Whether a whole run may do without this test.
pub fn may_skip(test: &str, root: bool) -> bool {
    let allowed = include_str!("../allowed-skips.txt").lines();
    let mut allowed = allowed.filter(|line| !line.starts_with('#'));
    !root && allowed.any(|line| line.split_once(": ").is_some_and(|(name, _)| name == test))
}

/// Reads lines in a thread of their own, so that a test can wait with a deadline.
fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
