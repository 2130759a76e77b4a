//! How the terminal behaves, kept so that it can be put back.

use std::mem::MaybeUninit;

/// The mode of the terminal on stdin: whether it shows what is typed, and hands
/// it over by lines.
pub struct TerminalMode(libc::termios);

impl TerminalMode {
    /// As it is now; none if stdin is no terminal.
    pub fn keep() -> Option<TerminalMode> {
        let mut mode = MaybeUninit::uninit();
        // SAFETY: tcgetattr writes one termios where it is told to, and says
        // so with 0.
        let kept = unsafe { libc::tcgetattr(libc::STDIN_FILENO, mode.as_mut_ptr()) } == 0;
        // SAFETY: see above.
        kept.then(|| TerminalMode(unsafe { mode.assume_init() }))
    }

    /// Back to what it was, whatever a thread that reads a line has made of it.
    pub fn put_back(&self) {
        // SAFETY: tcsetattr reads one termios, and this is one. If the
        // terminal is gone, there is nothing to put back.
        unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, &self.0) };
    }
}
