//! What is decided without a socket, a file or a clock of its own: every moment
//! is an argument. So a test need not wait, and says what time it is.
//!
//! From the bottom up, nothing here knows of what stands below it in this table:
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`units`] | durations, rates and counts, as they are typed and shown |
//! | [`stats`] | RTT and loss statistics |
//! | [`histogram`] | the distribution of RTTs, drawn |
//! | [`arrival`] | when a packet came in, by the kernel's stamp where there is one |
//! | [`probes`] | a client's table of what it sent, and what became of it |
//! | [`pace`] | when a pinger sends, waits, and is done |
//! | [`trace`] | traceroute: which probe is due, and what the responses mean |
//! | [`clients`] | a server's bounded table of its clients |
//! | [`impair`] | seeded damage: which request is lost, which reply is late |
//! | [`bottleneck`] | a wire that takes its time, and the queue before it |

pub mod arrival;
pub mod bottleneck;
pub mod clients;
pub mod histogram;
pub mod impair;
pub mod pace;
pub mod probes;
pub mod stats;
pub mod trace;
pub mod units;
