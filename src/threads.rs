//! A thread with a name, which debuggers and `ps -T` show, or the reason why there is none.

use std::thread::{Builder, JoinHandle};

use crate::errors::cause;

/// Starts a thread that does this work.
///
/// # Errors
/// One line for a person: the operating system gave no thread.
pub fn start<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, String> {
    let thread = Builder::new().name(name.to_string());
    thread.spawn(work).map_err(|why| format!("cannot start a thread: {}", cause(&why)))
}
