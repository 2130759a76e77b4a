//! The file of captured packets. Each block is written in one piece, so that it is whole at any moment.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use packets::pcapng::{self, Packet, RAW_IP};
use socklab::errors::cause;
use sys::Seen;

use crate::{LONGEST, NAME};

pub struct CaptureFile {
    file: File,
    path: PathBuf,
    /// Its length so far: whole blocks.
    length: u64,
    /// The interfaces described so far, by the system's numbers.
    interfaces: Vec<u32>,
}

impl CaptureFile {
    /// # Errors
    /// One line for a person, here and below.
    pub fn create(path: impl AsRef<Path>) -> Result<CaptureFile, String> {
        let path = path.as_ref().to_path_buf();
        let file = File::create(&path).map_err(|why| {
            format!("cannot write {}: {}; give another with --write", path.display(), cause(&why))
        })?;
        let mut file = CaptureFile { file, path, length: 0, interfaces: Vec::new() };
        file.write(&pcapng::section_header(&format!("{NAME} of socklab")))?;
        Ok(file)
    }

    /// Writes a packet, and before the first one of an interface what that is.
    pub fn packet(
        &mut self,
        seen: &Seen,
        at: SystemTime,
        bytes: &[u8],
        comment: Option<&str>,
    ) -> Result<(), String> {
        let known = self.interfaces.iter().position(|index| *index == seen.interface);
        let interface = match known {
            Some(number) => number,
            None => {
                let name = sys::interface_name(seen.interface);
                self.write(&pcapng::interface(&name, RAW_IP, LONGEST as u32))?;
                self.interfaces.push(seen.interface);
                self.interfaces.len() - 1
            }
        };
        let (interface, length) = (interface as u32, seen.length);
        self.write(&Packet { interface, ns: ns(at), bytes, length, comment }.block())
    }

    /// Writes how many packets there were, which is known of all interfaces together.
    pub fn close(mut self, received: u64, dropped: u64) -> Result<(), String> {
        match self.interfaces[..] {
            [_] => self.write(&pcapng::statistics(0, ns(SystemTime::now()), received, dropped)),
            _ => Ok(()),
        }
    }

    fn write(&mut self, block: &[u8]) -> Result<(), String> {
        self.file.write_all(block).map_err(|why| {
            // Half a block would spoil the file.
            let _ = self.file.set_len(self.length);
            format!("cannot write {}: {}", self.path.display(), cause(&why))
        })?;
        self.length += block.len() as u64;
        Ok(())
    }
}

/// Nanoseconds since 1970.
fn ns(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
