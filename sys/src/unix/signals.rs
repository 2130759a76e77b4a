//! The signals that end a program, unless it does something else with them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

use crate::Signal;

const ALL: [i32; 3] = [SIGINT, SIGTERM, SIGHUP];

/// From here on each signal makes `flag` true, in place of ending the process.
///
/// # Errors
/// Those of sigaction(2).
pub fn raise_on_signals(raised: &Arc<AtomicBool>) -> io::Result<()> {
    ALL.iter().try_for_each(|&signal| flag::register(signal, Arc::clone(raised)).map(drop))
}

/// From here on each signal is told to `act`, on a thread of its own, in place
/// of ending the process: a handler itself may do next to nothing.
///
/// # Errors
/// Those of sigaction(2), or there is no thread.
pub fn hear_signals(mut act: impl FnMut(Signal) + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new(ALL)?;
    let thread = thread::Builder::new().name("signals".to_string());
    let listen = move || {
        for signal in signals.forever() {
            act(if signal == SIGHUP { Signal::HangUp } else { Signal::End });
        }
    };
    thread.spawn(listen).map(drop)
}
