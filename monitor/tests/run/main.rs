//! `monitor run`, as a user runs it.

#[path = "../../../tests/common/mod.rs"]
mod common;
mod console;
mod disk;
mod metrics;
mod prometheus;
mod unread;
mod watching;
mod window;

use std::fs;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use common::Running;
use serde_json::Value;

const MONITOR: &str = "monitor";

/// A folder of the test's own, which is removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::SeqCst);
        let name = format!("monitor-run-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// Writes a configuration, and tells its path.
    fn config(&self, text: &str) -> String {
        let path = self.path("watch.toml");
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// One service of a file.
fn service(name: &str, check: &str, more: &str) -> String {
    format!("[[service]]\nname = \"{name}\"\ncheck = '{check}'\n{more}\n")
}

/// A socket that takes datagrams and says nothing, and the check that asks it.
fn silent() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let check = format!("echo 127.0.0.1 {}", socket.local_addr().unwrap().port());
    (socket, check)
}

/// Reads on until an event that fits.
fn event(monitor: &mut Running, fits: impl Fn(&Value) -> bool) -> Value {
    loop {
        let line = monitor.line();
        let event: Value =
            serde_json::from_str(&line).unwrap_or_else(|why| panic!("{why}: {line}"));
        if fits(&event) {
            return event;
        }
    }
}

/// Where the page of metrics is, from the first line.
fn metrics_at(start: &Value) -> std::net::SocketAddr {
    start["metrics"].as_str().unwrap().parse().unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}
