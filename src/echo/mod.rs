//! What echo server and client share that is not about sockets: comparing, the stop word, what both tell.

pub mod compare;
pub mod connect;
pub mod input;
pub mod report;
pub mod screen;
pub mod server_log;
pub mod stop_word;
