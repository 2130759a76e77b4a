//! Tracing the way to a host: packets that die on purpose, one router further each time.
//!
//! Each router takes 1 from a packet's TTL (IPv6: hop limit) and throws the
//! packet away when nothing is left; then it says so, in an ICMP error that
//! bears its own address (RFC 1812, section 5.3.1). A probe sent with a TTL of
//! 3 so makes the third router tell who it is.
//!
//! [`Tracer`] knows which probe is due and what the responses mean, without a
//! socket; [`icmp`] sends echo requests and hears what comes of them. The loop
//! that joins the two stands in the programs: in `icmp_trace`, which also
//! probes by UDP and shows each hop, and in the monitor's `trace` check.

pub mod icmp;
mod probe;
mod tracer;

pub use probe::{Heard, Probe, ProbeState, Response, Timing, ends_the_way};
pub use tracer::{Settings, Tracer};

/// What probes carry: bytes that can be told from others, and read in a capture.
pub fn payload(size: usize) -> Vec<u8> {
    (b'@'..=b'_').cycle().take(size).collect()
}
