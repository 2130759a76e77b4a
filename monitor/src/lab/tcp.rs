//! TCP with a banner, as a mail or file server has: it speaks first.

use std::io::{self, Read, Write};

use super::faults::Fault;
use super::threads::Connection;

pub const BANNER: &[u8] = b"220 lab.test ready\r\n";

/// The longest line, in bytes.
const LONGEST_LINE: usize = 1024;

/// Greets, and says of each line that it was heard, until the client says QUIT.
///
/// # Errors
/// The connection broke, or nothing came in time.
pub fn serve(connection: &Connection) -> io::Result<()> {
    let mut stream = connection.stream;
    if !connection.dawdle() {
        return Ok(());
    }
    stream.write_all(match connection.switch.get().fault {
        Some(Fault::Garbage) => b"\x00\xff\x1b]0;\x07\xfe",
        Some(Fault::WrongBody) => b"421 lab.test closing\r\n",
        _ => BANNER,
    })?;
    let mut line = Vec::new();
    let mut buffer = [0; 256];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Ok(());
        }
        for &byte in &buffer[..length] {
            if byte != b'\n' {
                line.push(byte);
                if line.len() > LONGEST_LINE {
                    return stream.write_all(b"500 that line is too long\r\n");
                }
                continue;
            }
            let text = line.trim_ascii();
            if text.eq_ignore_ascii_case(b"QUIT") {
                return stream.write_all(b"221 lab.test closing\r\n");
            }
            stream.write_all(&[b"250 heard ", text, b"\r\n"].concat())?;
            line.clear();
        }
    }
}
