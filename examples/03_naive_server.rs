//! The textbook's TCP ping server: it accepts a client, and answers what comes
//! in capitals.
//!
//! ```text
//! cargo run --example 03_naive_server
//! cargo run --example 03_naive_client
//! ```
//!
//! Sheet 03 (labs/03-tcp-ping.md) brings it a second client, and a rude one.

use std::io::{Read, Write};
use std::net::TcpListener;

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:12001".to_string());
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    let mut buffer = [0; 1024];

    loop {
        let (mut stream, client) = listener.accept()?;
        println!("{client} has connected");
        loop {
            let length = stream.read(&mut buffer)?;
            if length == 0 {
                break;
            }
            stream.write_all(&buffer[..length].to_ascii_uppercase())?;
        }
    }
}
