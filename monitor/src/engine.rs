//! Running one check so that whatever becomes of it, there is an outcome.

use std::panic::{self, AssertUnwindSafe};

use socklab::output;

use crate::outcome::Outcome;

/// What a check found. One that panics is a fault of ours, and not the
/// service's, of which nothing was found out.
pub fn guarded(service: &str, check: impl FnOnce() -> Outcome) -> Outcome {
    panic::catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|_| {
        output::complain("monitor", &format!("the check of {service:?} panicked"));
        Outcome::unverified("the check itself failed; this is a fault of the monitor")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;

    #[test]
    fn a_check_that_panics_says_nothing_of_the_service() {
        let outcome = guarded("web", || panic!("a fault"));
        assert_eq!(outcome.verdict, Verdict::Unverified);
        assert!(outcome.reason.contains("fault of the monitor"), "{}", outcome.reason);
        assert_eq!(guarded("web", || Outcome::up("fine")), Outcome::up("fine"));
    }
}
