//! The ports on which our servers listen, and which our clients ask, unless told otherwise.

pub const UDP_PING: u16 = 12000;
pub const TCP_PING: u16 = 12001;
pub const HEARTBEAT: u16 = 12002;
pub const LOSSY_LINK: u16 = 13000;
/// UDP and TCP.
pub const ECHO: u16 = 10100;
/// The monitor's manager.
pub const MANAGER: u16 = 54321;
