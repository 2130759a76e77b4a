//! The textbook's TCP ping client: connect, send, receive, ten times.
//!
//! ```text
//! cargo run --example 03_naive_server
//! cargo run --example 03_naive_client
//! ```
//!
//! Try it with `tcp_ping server` as well. Sheet 03 (labs/03-tcp-ping.md) has
//! flags for that server with which this client does badly.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Instant, SystemTime};

fn main() -> std::io::Result<()> {
    let server = std::env::args().nth(1).unwrap_or("127.0.0.1:12001".to_string());
    let mut buffer = [0; 1024];

    for seq in 1..=10 {
        let time = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let sent = Instant::now();
        let mut stream = TcpStream::connect(&server)?;
        stream.write_all(format!("ping {seq} {}", time.as_secs_f64()).as_bytes())?;
        let length = stream.read(&mut buffer)?;
        let reply = String::from_utf8_lossy(&buffer[..length]);
        println!("ping {seq}: {reply}, RTT {:.1} ms", sent.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}
