//! Ctrl-C, SIGTERM and SIGHUP, and on Windows Ctrl-Break: told to a program, in place of ending it at once.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

pub use sys::Signal;

static STOP: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// A program that has not ended this long after Ctrl-C is stuck: it writes to
/// somebody who does not read.
const STUCK: Duration = Duration::from_secs(2);

/// From here on Ctrl-C, SIGTERM and SIGHUP no longer end the process: they make
/// [`stopping`] true, and every blocked system call of the main thread that
/// has a timeout returns `Interrupted`. Where that did not help, a second signal
/// ends it all the same, with status 2.
///
/// # Errors
/// One line: the system refused.
pub fn stop_on_ctrl_c() -> Result<(), String> {
    sys::raise_on_signals(&STOP).map_err(|why| cannot_hear(&why))?;
    let mut first = None;
    hear(move |_| {
        if first.get_or_insert_with(Instant::now).elapsed() > STUCK {
            std::process::exit(2)
        }
    })
}

/// True once such a signal came.
pub fn stopping() -> bool {
    STOP.load(Ordering::SeqCst)
}

/// From here on the same signals call `last_words`, and then end the process
/// with status 0, whatever its other threads do or wait for. For a server whose
/// threads block for as long as nobody comes; the kernel closes its sockets.
/// Where nobody listens to the last words, it ends without them, with status 2.
///
/// # Errors
/// One line: the system refused.
pub fn end_on_ctrl_c(last_words: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let mut last_words = Some(last_words);
    hear(move |_| {
        let Some(last_words) = last_words.take() else { return };
        let (said, listener) = mpsc::channel();
        thread::spawn(move || {
            last_words();
            said.send(())
        });
        let heard = listener.recv_timeout(STUCK).is_ok();
        std::process::exit(if heard { 0 } else { 2 })
    })
}

/// From here on each signal is told to `act`, on a thread of its own.
///
/// # Errors
/// One line: the system refused, or gave no thread.
pub fn hear(act: impl FnMut(Signal) + Send + 'static) -> Result<(), String> {
    sys::hear_signals(act).map_err(|why| cannot_hear(&why))
}

fn cannot_hear(why: &io::Error) -> String {
    format!("cannot install the handler for Ctrl-C: {why}")
}
