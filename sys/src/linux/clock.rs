//! Linux: the stamp of the last datagram.

use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime};

/// The moment at which the kernel received the datagram that was read last
/// from the socket, by the wall clock (socket(7), SIOCGSTAMPNS). The first call
/// asks the kernel to keep such stamps from then on; `None` until there is one.
pub fn stamp_of_last(socket: &impl AsRawFd) -> Option<SystemTime> {
    const SIOCGSTAMPNS: libc::c_ulong = 0x8907;
    // SAFETY: all zeros is a valid timespec.
    let mut time: libc::timespec = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: this request fills in a timespec, and `time` outlives the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCGSTAMPNS as _, &raw mut time) };
    let since_epoch = Duration::new(time.tv_sec as u64, time.tv_nsec as u32);
    (result == 0).then(|| SystemTime::UNIX_EPOCH.checked_add(since_epoch))?
}
