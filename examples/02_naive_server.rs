//! The textbook's heartbeat server: it tells how many beats were lost, and when
//! the client has stopped.
//!
//! ```text
//! cargo run --example 02_naive_server
//! cargo run --example 02_naive_client
//! ```
//!
//! Try it with one client, and then with two. Sheet 02
//! (labs/02-heartbeat.md) has a server beside which to hold it.

use std::net::UdpSocket;
use std::time::{Duration, SystemTime};

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:12002".to_string());
    let socket = UdpSocket::bind(address)?;
    println!("listening on {}", socket.local_addr()?);
    socket.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut buffer = [0; 1024];
    let mut last = 0;

    loop {
        let Ok((length, client)) = socket.recv_from(&mut buffer) else {
            println!("the client has stopped");
            continue;
        };
        let beat = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let Some((seq, sent)) = beat.split_once(' ') else { continue };
        let seq: i64 = seq.parse().unwrap_or(0);
        let sent: f64 = sent.parse().unwrap_or(0.0);
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs_f64();
        println!("{client}: beat {seq}, {} lost before it", seq - last - 1);
        last = seq;
        socket.send_to(format!("{seq} {:.6}", now - sent).as_bytes(), client)?;
    }
}
