//! Who runs this program, and the names of addresses.

use std::net::{IpAddr, SocketAddr};
use std::ptr;

use windows_sys::Win32::Networking::WinSock::{NI_MAXHOST, NI_NAMEREQD, getnameinfo};
use windows_sys::Win32::UI::Shell::IsUserAnAdmin;

/// Whether this program runs with an administrator's rights.
pub fn is_root() -> bool {
    // SAFETY: it has no arguments.
    unsafe { IsUserAnAdmin() != 0 }
}

/// The name of an address, if it has one. It may take the resolver many
/// seconds to find out.
pub fn name_of(address: IpAddr) -> Option<String> {
    let address = socket2::SockAddr::from(SocketAddr::from((address, 0)));
    let mut name = [0u8; NI_MAXHOST as usize];
    // SAFETY: both pointers have the lengths that stand beside them; no
    // service is asked for.
    let result = unsafe {
        getnameinfo(
            address.as_ptr().cast(),
            address.len(),
            name.as_mut_ptr(),
            name.len() as u32,
            ptr::null_mut(),
            0,
            NI_NAMEREQD as i32,
        )
    };
    let length = name.iter().position(|&letter| letter == 0)?;
    let name = str::from_utf8(&name[..length]).ok()?;
    (result == 0).then(|| name.to_string())
}
