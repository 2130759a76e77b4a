//! The textbook's UDP ping server: it loses some pings on purpose, and answers
//! the others in capitals.
//!
//! ```text
//! cargo run --example 01_naive_server
//! cargo run --example 01_naive_client
//! ```
//!
//! Sheet 01 (labs/01-udp-ping.md) asks how many it loses, and what ends it.

use std::error::Error;
use std::net::UdpSocket;
use std::time::SystemTime;

fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:12000".to_string());
    let socket = UdpSocket::bind(address)?;
    println!("listening on {}", socket.local_addr()?);
    let mut buffer = [0; 1024];

    loop {
        let (length, client) = socket.recv_from(&mut buffer)?;
        // A number from 0 to 10; who draws less than 4 is lost.
        let number = SystemTime::UNIX_EPOCH.elapsed()?.subsec_nanos() / 100 % 11;
        if number < 4 {
            continue;
        }
        let message = String::from_utf8(buffer[..length].to_vec())?;
        socket.send_to(message.to_uppercase().as_bytes(), client)?;
    }
}
