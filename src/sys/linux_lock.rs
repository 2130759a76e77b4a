//! Linux: a lock on a file, which ends with its process, however that ends.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Takes the lock that only one open file has (flock(2)); false if another has
/// it. (The standard library's own, `File::try_lock`, came with Rust 1.89.)
///
/// # Errors
/// Those of flock(2): not every file system has locks.
pub fn try_lock(file: &File) -> io::Result<bool> {
    // SAFETY: the descriptor is open as long as `file` is borrowed.
    let result = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    if result == 0 {
        return Ok(true);
    }
    match io::Error::last_os_error() {
        why if why.kind() == io::ErrorKind::WouldBlock => Ok(false),
        why => Err(why),
    }
}
