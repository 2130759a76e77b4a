//! Troublemakers beside honest agents: they drip, flood, and know the token.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use monitor::protocol::Message;
use monitor::random;

use crate::hostile::{TOKEN, auth, hello};

/// The identifiers that insiders give themselves begin here.
pub const INSIDERS: u64 = 1000;

/// Threads that make trouble until they are stopped.
pub struct Trouble {
    stop: Arc<AtomicBool>,
    /// How many connections were made for it.
    pub made: Arc<AtomicU64>,
}

impl Trouble {
    pub fn start(manager: SocketAddr) -> Trouble {
        let trouble = Trouble { stop: Arc::default(), made: Arc::default() };
        for make in [drip, flood, flood_from_inside] {
            let (stop, made) = (Arc::clone(&trouble.stop), Arc::clone(&trouble.made));
            thread::spawn(move || {
                while !stop.load(Ordering::SeqCst) {
                    // The manager may be dead, or have had enough.
                    if make(manager, &stop).is_some() {
                        made.fetch_add(1, Ordering::SeqCst);
                    }
                    // Not a wait for anything, as below: this is the trouble.
                    thread::sleep(Duration::from_millis(200));
                }
            });
        }
        trouble
    }

    pub fn stop(&self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        self.made.load(Ordering::SeqCst)
    }
}

/// A hello, byte by byte.
fn drip(manager: SocketAddr, stop: &AtomicBool) -> Option<()> {
    let mut stream = TcpStream::connect(manager).ok()?;
    for byte in Message::Hello(hello(None)).line().ok()?.bytes() {
        if stop.load(Ordering::SeqCst) || stream.write_all(&[byte]).is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    Some(())
}

/// A megabyte of what is no message.
fn flood(manager: SocketAddr, _stop: &AtomicBool) -> Option<()> {
    let mut stream = TcpStream::connect(manager).ok()?;
    for _ in 0..256 {
        if stream.write_all(&[b'{'; 4096]).is_err() {
            break;
        }
    }
    Some(())
}

/// Results of tasks that were never given, and nothing is read.
fn flood_from_inside(manager: SocketAddr, _stop: &AtomicBool) -> Option<()> {
    let mut stream = TcpStream::connect(manager).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.set_write_timeout(Some(Duration::from_secs(5))).ok()?;
    let hello = hello(Some(INSIDERS));
    stream.write_all(Message::Hello(hello.clone()).line().ok()?.as_bytes()).ok()?;
    let mut challenge = String::new();
    BufReader::new(stream.try_clone().ok()?).read_line(&mut challenge).ok()?;
    let Ok(Message::Challenge(challenge)) = Message::parse(challenge.as_bytes()) else {
        return None;
    };
    stream.write_all(auth(TOKEN, &hello, &challenge).line().ok()?.as_bytes()).ok()?;
    let boot = random::hex(16).ok()?;
    for seq in 1..=300 {
        let line = format!(
            r#"{{"type":"result","boot_id":"{boot}","seq":{seq},"task":"t{seq}","rev":0,"started_at":"2026-01-01T00:00:00Z","duration_us":7,"verdict":"up","reason":""}}"#
        );
        if stream.write_all((line + "\n").as_bytes()).is_err() {
            break;
        }
    }
    Some(())
}
