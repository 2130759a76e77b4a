//! Any other system: no lock, and so no guard against two programs with one file.

use std::fs::File;
use std::io;

/// Takes no lock here, and says that it did.
///
/// # Errors
/// None.
pub fn try_lock(_file: &File) -> io::Result<bool> {
    Ok(true)
}
