//! Unix: another program of ours, ended as Ctrl-C would end it.

use std::io;
use std::process::{Child, Command};

/// Nothing is needed for [`interrupt`] to reach the program alone.
pub fn in_its_own_group(_: &mut Command) {}

/// Sends SIGINT to a program that has not been waited for, so that its number
/// is still its own.
///
/// # Errors
/// Those of kill(2).
pub fn interrupt(program: &Child) -> io::Result<()> {
    let pid = i32::try_from(program.id()).map_err(io::Error::other)?;
    // SAFETY: kill only takes two numbers.
    match unsafe { libc::kill(pid, libc::SIGINT) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
