//! The textbook's heartbeat client: five beats a second, until three were missed.
//!
//! ```text
//! cargo run --example 02_naive_server
//! cargo run --example 02_naive_client
//! ```
//!
//! Sheet 02 (labs/02-heartbeat.md) asks whom it believes dead, and why.

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, SystemTime};

const INTERVAL: Duration = Duration::from_millis(200);

fn main() -> std::io::Result<()> {
    let server = std::env::args().nth(1).unwrap_or("127.0.0.1:12002".to_string());
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(INTERVAL))?;
    let mut buffer = [0; 1024];
    let mut missed = 0;

    for seq in 1.. {
        let time = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        socket.send_to(format!("{seq} {:.6}", time.as_secs_f64()).as_bytes(), &server)?;
        match socket.recv_from(&mut buffer) {
            Ok((length, _)) => {
                println!("beat {seq}: {}", String::from_utf8_lossy(&buffer[..length]));
            }
            Err(_) => {
                missed += 1;
                println!("beat {seq}: missed");
            }
        }
        if missed == 3 {
            break;
        }
        thread::sleep(INTERVAL);
    }
    println!("the server is down");
    Ok(())
}
