//! Taking a lock, whatever became of the thread that had it before.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Waits for the lock. Where a thread panicked while it had it, what is behind
/// it is taken as it is: nothing here is changed in steps of which one alone
/// would be wrong.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
