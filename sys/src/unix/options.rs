//! Socket options whose value is an int.

use std::mem;
use std::os::fd::AsRawFd;

/// Sets an option whose value is an int. True if it is set.
pub fn set_int(
    socket: &impl AsRawFd,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> bool {
    // SAFETY: the option's value is an int, and `value` outlives the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const value).cast(),
            mem::size_of_val(&value) as libc::socklen_t,
        )
    };
    result == 0
}

/// Whether `send` failed because the packet is larger than it may be: EMSGSIZE.
pub fn is_too_long(why: &std::io::Error) -> bool {
    why.raw_os_error() == Some(libc::EMSGSIZE)
}
