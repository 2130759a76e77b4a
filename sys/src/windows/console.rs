//! What a console asks of a program, and how its keyboard behaves.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use windows_sys::Win32::System::Console::{
    CONSOLE_MODE, CTRL_BREAK_EVENT, CTRL_C_EVENT, GetConsoleMode, GetStdHandle, STD_INPUT_HANDLE,
    SetConsoleCtrlHandler, SetConsoleMode,
};
use windows_sys::core::BOOL;

use crate::Signal;

/// Who is to be told. Windows calls the handler on a thread of its own, so that
/// it may do what any thread may.
type Listener = Box<dyn FnMut(Signal) + Send>;
static LISTENERS: Mutex<Vec<Listener>> = Mutex::new(Vec::new());

/// From here on Ctrl-C, Ctrl-Break and the closing of the window make `flag`
/// true, in place of ending the process.
///
/// # Errors
/// The system refused.
pub fn raise_on_signals(raised: &Arc<AtomicBool>) -> io::Result<()> {
    let raised = Arc::clone(raised);
    hear_signals(move |_| raised.store(true, Ordering::SeqCst))
}

/// From here on each of them is told to `act`, on a thread of its own.
///
/// # Errors
/// The system refused.
pub fn hear_signals(act: impl FnMut(Signal) + Send + 'static) -> io::Result<()> {
    LISTENERS.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(act));
    // SAFETY: the handler is a function of this program. Twice the same is
    // called twice, so the one before is taken back first.
    let heard = unsafe {
        SetConsoleCtrlHandler(Some(handler), 0);
        SetConsoleCtrlHandler(Some(handler), 1)
    };
    if heard == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

unsafe extern "system" fn handler(event: u32) -> BOOL {
    for listener in LISTENERS.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
        listener(Signal::End);
    }
    if !matches!(event, CTRL_C_EVENT | CTRL_BREAK_EVENT) {
        // The window is closed, or the user logs off: when this returns, the
        // process is ended. Until then it has a few seconds to end by itself.
        loop {
            thread::park();
        }
    }
    1
}

/// The mode of the console on stdin: whether it shows what is typed, and hands
/// it over by lines.
pub struct TerminalMode(CONSOLE_MODE);

impl TerminalMode {
    /// As it is now; none if stdin is no console.
    pub fn keep() -> Option<TerminalMode> {
        let mut mode = 0;
        // SAFETY: it fills in the number that it is given, and says so.
        let kept = unsafe { GetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), &raw mut mode) };
        (kept != 0).then_some(TerminalMode(mode))
    }

    /// Back to what it was, whatever a thread that reads a line has made of it.
    pub fn put_back(&self) {
        // SAFETY: it takes numbers. If the console is gone, there is nothing
        // to put back.
        unsafe { SetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), self.0) };
    }
}
