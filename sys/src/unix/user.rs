//! Who runs this program.

/// Whether the user who started this process is root, here or in a namespace
/// of his own.
pub fn is_root() -> bool {
    // SAFETY: it has no arguments, and cannot fail.
    unsafe { libc::getuid() == 0 }
}
