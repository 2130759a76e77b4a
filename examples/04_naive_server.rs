//! The textbook's echo server: what a client sends comes back to it.
//!
//! ```text
//! cargo run --example 04_naive_server
//! echo hello | cargo run --example 04_naive_client
//! ```
//!
//! Then type something into `cargo run --bin echo_client -- --tcp`, and see
//! sheet 04 (labs/04-echo.md).

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:10100".to_string());
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);

    loop {
        let (mut stream, client) = listener.accept()?;
        println!("{client} has connected");
        thread::spawn(move || {
            let mut message = Vec::new();
            if stream.read_to_end(&mut message).is_ok() {
                let _ = stream.write_all(&message);
            }
        });
    }
}
