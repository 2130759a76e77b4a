//! The textbook's echo client: it sends its input to a server, and prints what
//! comes back.
//!
//! ```text
//! cargo run --example 04_naive_server
//! seq 1000 | cargo run --example 04_naive_client | tail -1
//! ```
//!
//! Sheet 04 (labs/04-echo.md) has larger inputs.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};

fn main() -> io::Result<()> {
    let server = std::env::args().nth(1).unwrap_or("127.0.0.1:10100".to_string());
    let mut input = Vec::new();
    io::stdin().read_to_end(&mut input)?;

    let mut stream = TcpStream::connect(server)?;
    stream.write_all(&input)?;
    stream.shutdown(Shutdown::Write)?;

    let mut output = Vec::new();
    stream.read_to_end(&mut output)?;
    io::stdout().write_all(&output)
}
