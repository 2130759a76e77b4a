//! The terminal on any other system: its mode is not known here.

/// No mode.
pub struct TerminalMode;

impl TerminalMode {
    pub fn keep() -> Option<TerminalMode> {
        None
    }

    pub fn put_back(&self) {}
}
