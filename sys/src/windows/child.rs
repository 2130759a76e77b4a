//! Windows: another program of ours, ended as Ctrl-Break would end it.

use std::io;
use std::os::windows::process::CommandExt;
use std::process::{Child, Command};

use windows_sys::Win32::System::Console::{CTRL_BREAK_EVENT, GenerateConsoleCtrlEvent};
use windows_sys::Win32::System::Threading::CREATE_NEW_PROCESS_GROUP;

/// Events of the console go to groups of programs. In one of its own, the
/// program can be interrupted alone; Ctrl-C no longer reaches it.
pub fn in_its_own_group(command: &mut Command) {
    command.creation_flags(CREATE_NEW_PROCESS_GROUP);
}

/// Sends Ctrl-Break to a program that was started in its own group: Ctrl-C can
/// only be sent to all programs of the console at once.
///
/// # Errors
/// Those of GenerateConsoleCtrlEvent.
pub fn interrupt(program: &Child) -> io::Result<()> {
    // SAFETY: it only takes two numbers.
    match unsafe { GenerateConsoleCtrlEvent(CTRL_BREAK_EVENT, program.id()) } {
        0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
