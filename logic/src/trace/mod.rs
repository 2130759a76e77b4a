//! Tracing the way to a host: packets that die on purpose, one router further each time.
//!
//! Each router takes 1 from a packet's TTL (IPv6: hop limit) and throws the
//! packet away when nothing is left; then it says so, in an ICMP error that
//! bears its own address (RFC 1812, section 5.3.1). A probe sent with a TTL of
//! 3 so makes the third router tell who it is.
//!
//! [`Tracer`] knows which probe is due and what the responses mean; the sockets
//! are with the programs: with `icmp_trace`, which probes by ICMP and by UDP and
//! shows each hop, and with the monitor's `trace` check.

mod probe;
mod tracer;

pub use probe::{Probe, ProbeState, Response, Timing, ends_the_way};
pub use tracer::{Settings, Tracer};

/// What probes carry: bytes that can be told from others, and read in a capture.
pub fn payload(size: usize) -> Vec<u8> {
    (b'@'..=b'_').cycle().take(size).collect()
}
