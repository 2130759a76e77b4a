//! The textbook's UDP ping client: ten pings, and a second of patience for each.
//!
//! ```text
//! cargo run --example 01_naive_server
//! cargo run --example 01_naive_client
//! ```
//!
//! It works, nearly always. Sheet 01 (labs/01-udp-ping.md) looks at the rest.

use std::net::UdpSocket;
use std::time::{Duration, Instant, SystemTime};

fn main() -> std::io::Result<()> {
    let server = std::env::args().nth(1).unwrap_or("127.0.0.1:12000".to_string());
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut buffer = [0; 1024];

    for seq in 1..=10 {
        let time = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let sent = Instant::now();
        socket.send_to(format!("Ping {seq} {}", time.as_secs_f64()).as_bytes(), &server)?;
        match socket.recv_from(&mut buffer) {
            Ok((length, _)) => {
                let reply = String::from_utf8_lossy(&buffer[..length]);
                println!("ping {seq}: {reply}, RTT {:.1} ms", sent.elapsed().as_secs_f64() * 1e3);
            }
            Err(_) => println!("ping {seq}: request timed out"),
        }
    }
    Ok(())
}
