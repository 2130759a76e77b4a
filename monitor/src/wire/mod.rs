//! Packet formats that only the monitor speaks. They travel in UDP, DNS over TCP too. No file here touches a socket.

pub mod dns;
pub mod field;
pub mod ntp;
