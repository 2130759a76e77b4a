//! Packet formats: bytes to struct and back, and nothing else. No file here touches a socket.

pub mod heartbeat;
pub mod ping;
pub mod tcp_ping;
