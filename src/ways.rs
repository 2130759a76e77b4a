//! The commands by which this system shows what an error is about.

use std::net::IpAddr;

/// The addresses of this machine.
pub const ADDRESSES: &str = if cfg!(windows) {
    "ipconfig"
} else if cfg!(target_os = "linux") {
    "ip addr"
} else {
    "ifconfig"
};

/// The route to an address.
pub fn to(address: IpAddr) -> String {
    if cfg!(windows) {
        format!("Find-NetRoute -RemoteIPAddress {address}")
    } else if cfg!(target_os = "linux") {
        format!("ip route get {address}")
    } else {
        format!("route -n get {address}")
    }
}

/// Who uses a port; `flags` are those of ss(8).
pub fn sockets(flags: &str, port: u16) -> String {
    if cfg!(windows) {
        format!("netstat -ano | findstr :{port}")
    } else if cfg!(target_os = "linux") {
        format!("ss {flags} 'sport = :{port}'")
    } else {
        format!("lsof -nP -i :{port}")
    }
}
