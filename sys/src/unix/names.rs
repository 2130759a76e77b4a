//! The names of addresses.

use std::ffi::CStr;
use std::net::{IpAddr, SocketAddr};

/// The name of an address, if it has one (getnameinfo(3)). It may take the
/// resolver many seconds to find out.
pub fn name_of(address: IpAddr) -> Option<String> {
    let address = socket2::SockAddr::from(SocketAddr::from((address, 0)));
    let mut name = [0 as libc::c_char; libc::NI_MAXHOST as usize];
    // SAFETY: both pointers have the lengths that stand beside them; no
    // service is asked for.
    let result = unsafe {
        libc::getnameinfo(
            address.as_ptr().cast(),
            address.len(),
            name.as_mut_ptr(),
            name.len() as _,
            std::ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    };
    if result != 0 {
        return None;
    }
    // SAFETY: where it succeeds, getnameinfo ends the name with a 0.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) };
    Some(name.to_str().ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_has_a_name() {
        // From /etc/hosts, so that nobody is asked.
        assert!(name_of([127, 0, 0, 1].into()).is_some_and(|name| name.starts_with("localhost")));
    }
}
