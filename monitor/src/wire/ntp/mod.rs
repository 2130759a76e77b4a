//! NTP's packet (RFC 5905, section 7.3), and the arithmetic of its four stamps.
//!
//! ```text
//!  0  LI, VN, mode       2, 3, 3 bits
//!  1  stratum            1: has a clock of its own; n + 1: asks one of stratum n
//!  2  poll, precision    log2 of seconds, signed
//!  4  root delay         16.16 bits, seconds
//!  8  root dispersion    16.16 bits, seconds
//! 12  reference id       whom the server asks; at stratum 0 a kiss code
//! 16  reference time     32.32 bits, seconds since 1900, as the next three
//! 24  origin             the client's transmit stamp, come back
//! 32  receive            T2, when the request arrived, by the server's clock
//! 40  transmit           T3, when the reply left, by the server's clock
//! ```
//!
//! ```text
//! client  T1 ───────┐                 ┌─────> T4     offset = ((T2 - T1) + (T3 - T4)) / 2
//! server            └──> T2 ... T3 ───┘              delay  = (T4 - T1) - (T3 - T2)
//! ```
//!
//! The client need not tell its time: a random transmit stamp is as good, since
//! it only has to come back, and nobody can guess it.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`packet`] | the 48 bytes, parsed and emitted |
//! | [`time`] | stamps, eras, offset and delay |
//! | [`judge`] | whether a packet is a reply of ours, and tells the time |
//! | [`fields`] | a packet taken apart, for an annotated dump |

pub mod fields;
pub mod judge;
pub mod packet;
pub mod time;

pub use judge::Judgement;
pub use packet::{Leap, Packet};
pub use time::{Interval, Timestamp, delay, offset};
