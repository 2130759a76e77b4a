//! The little that std does not reach, one file an operating system (and for TCP another).
//!
//! Each file offers the same functions; where a system lacks something, its
//! file says so in its result, and the programs go on without.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::{receive, stamp_arrivals};
#[cfg(target_os = "linux")]
mod linux_tcp;
#[cfg(target_os = "linux")]
pub use linux_tcp::{allow_many_files, connect_tcp, retransmits, wait_for_client};

#[cfg(not(target_os = "linux"))]
mod portable;
#[cfg(not(target_os = "linux"))]
pub use portable::{receive, stamp_arrivals};
#[cfg(not(target_os = "linux"))]
mod portable_tcp;
#[cfg(not(target_os = "linux"))]
pub use portable_tcp::{allow_many_files, connect_tcp, retransmits, wait_for_client};
