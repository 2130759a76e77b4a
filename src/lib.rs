//! What the toolkit's programs share. The sockets are in the programs, in
//! `src/bin/`, where they can be seen; here is what is not about sockets.
//!
//! | sheet | programs | what they introduce |
//! | --- | --- | --- |
//! | `labs/01-udp-ping.md` | `udp_ping_server`, `udp_ping_client` | datagrams, timeouts, sequence numbers, statistics |
//! | `labs/02-heartbeat.md` | `udp_heartbeat` | judging silence, probabilities of runs, two clocks |
//! | `labs/03-tcp-ping.md` | `tcp_ping` | connections, a thread for each, streams without messages, the ways to say no |
//! | `labs/04-echo.md` | `echo_server`, `echo_client` | streams beside datagrams, half-close, backpressure |
//! | `labs/05-icmp-ping.md` | `icmp_ping` | a header by hand, raw sockets, privileges |
//! | `labs/06-errors.md` | `icmp_trace` | errors: who sends them, what they quote, who hears of them |
//! | `labs/07-lossy-network.md` | all of these | loss at the cable: who repairs it, and at what price |
//! | any of 01 to 04 | `lossy_link` | server and client at once; a bottleneck and its queue |
//! | any | `sniff` | a packet socket, which sees everything |
//! | `labs/08-monitor.md` | `monitor`, `lab_services` | many protocols, four verdicts, what silence proves |
//! | `labs/09-manager-and-agents.md` | `monitor_manager`, `monitor_agent` | state that survives, delivered at least once, stored exactly once |
//!
//! Packet formats, and the pages that explain a packet, are in the crate `packets`;
//! what can be decided without a socket, such as when to send, is in `logic`; system
//! calls that std does not have are in `sys`.
//! From the bottom up, nothing here knows of what stands below it in this table:
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`clock`] | wall-clock stamps for people, monotonic time for measuring |
//! | [`output`] | lines that never panic, colour, bytes made harmless |
//! | [`signals`] | Ctrl-C and SIGTERM, in place of a sudden end |
//! | [`ways`] | the commands by which this system shows what an error is about |
//! | [`errors`] | errors of the operating system in words, with what would help |
//! | [`threads`] | a thread with a name, or the reason why there is none |
//! | [`cli`] | command lines: one-line errors, exit statuses |
//! | [`ports`] | the default ports |
//! | [`endpoint`] | addresses on a command line, and what they resolve to |
//! | [`sockets`] | the addresses of UDP sockets |
//! | [`ping_args`] | the flags that every pinger has |
//! | [`event`] | what a program tells: each event a type, with its text and its JSON |
//! | [`explain`] | `--explain`: which packets get a page |
//! | [`capture`] | whole packets with their IP headers, for root |
//! | [`error_queue`] | the kernel's queue of errors that answer what a socket sent |
//! | [`ears`] | what a connected UDP socket can hear: a datagram, an ICMP error, nothing |
//! | [`privilege`] | what lets a program have a raw socket, in words |
//! | [`icmp_socket`] | opening an ICMP socket, and what to do where that is not allowed |
//! | [`impair_args`] | the flags with which a server spoils its service on purpose |
//! | [`reject`] | ICMP errors that a server sends on purpose |
//! | [`places`] | how many clients a TCP server takes at once |
//! | [`delay`] | the thread that sends late replies in time |
//! | [`servers`] | the addresses of a server's name, one after the other |
//! | [`icmp_prober`] | the probes of a trace by ICMP: sent, and what comes of them heard |
//! | [`tally`] | what a server tells at its end |
//! | [`service`] | the books of a lossy server: each request's fate, and the counts |

pub mod capture;
pub mod cli;
pub mod clock;
pub mod delay;
pub mod ears;
pub mod endpoint;
pub mod error_queue;
pub mod errors;
pub mod event;
pub mod explain;
pub mod icmp_prober;
pub mod icmp_socket;
pub mod impair_args;
pub mod output;
pub mod ping_args;
pub mod places;
pub mod ports;
pub mod privilege;
pub mod reject;
pub mod servers;
pub mod service;
pub mod signals;
pub mod sockets;
pub mod tally;
pub mod threads;
pub mod ways;

#[cfg(test)]
#[path = "../tests/common/hostile.rs"]
mod hostile;
