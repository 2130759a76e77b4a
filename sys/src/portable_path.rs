//! Any other system: fragments as it likes, and no names.

use std::net::{IpAddr, UdpSocket};

use packets::icmp::Version;

/// Says whether packets may be cut into fragments: not here.
pub fn forbid_fragments(_socket: &UdpSocket, _version: Version, _forbid: bool) -> bool {
    false
}

/// The name of an address: not here.
pub fn name_of(_address: IpAddr) -> Option<String> {
    None
}
