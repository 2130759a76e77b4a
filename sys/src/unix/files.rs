//! How many files a process may have open.

/// Raises this process's limit of open files as far as it may: each
/// connection is one, and the usual limit is 1024 or less. The new limit.
// FreeBSD counts with a sign.
#[allow(clippy::unnecessary_cast)]
pub fn allow_many_files() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls take a pointer to an rlimit, which outlives them.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return None;
        }
        let before = limit.rlim_cur;
        limit.rlim_cur = limit.rlim_max;
        if cfg!(target_os = "macos") {
            // It says that there is no limit, and refuses more than OPEN_MAX.
            limit.rlim_cur = limit.rlim_max.min(10_240);
        }
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) != 0 {
            return Some(before as u64);
        }
    }
    Some(limit.rlim_cur as u64)
}
