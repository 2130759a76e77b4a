//! The monitor: watching services, and saying of each no more than was seen.
//!
//! From the bottom up, nothing here knows of what stands below it in this table:
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`verdict`] | what a check can say of a service |
//! | [`outcome`] | what one check found, and the time that it may take |
//! | [`wire`] | the packets of DNS and NTP: bytes to struct and back |
//! | [`check`] | the checks, one file a type of service |
//! | [`service`] | a service to be watched: its name, its check, how often |
//! | [`config`] | what to check, from a line typed or from a TOML file |
//! | [`engine`] | runs checks when they are due, for the monitor and for an agent |
//! | [`uptime`] | the share of time for which a service was up |
//! | [`state`] | what the results of a service add up to |
//! | [`stamp`] | times in JSON |
//! | [`watch`] | the services under watch, and what their results mean |
//! | [`tell`] | events as lines, for a person or as JSON |
//! | [`table`] | columns that line up, whatever stands in them |
//! | [`status`] | the tables that the console shows |
//! | [`metrics`] | the page that Prometheus scrapes |
//! | [`daylog`] | results in files, one a day, for the monitor and the manager |
//! | [`store`] | the results of the monitor, kept and read back |
//! | [`printer`] | a thread that writes lines, so that nothing waits for a terminal |
//! | [`input`] | lines typed or piped, whatever else comes with them |
//! | [`prompt`] | a prompt on a terminal, with completion |
//! | [`command`] | the commands of the monitor's prompt |
//! | [`runner`] | the one thread that decides |
//! | [`console`] | the thread that reads commands from the prompt |
//! | [`request`] | the head of an HTTP request, for the servers here |
//! | [`scrape`] | answering Prometheus, over HTTP |
//! | [`lab`] | services to watch, on loopback, each of which can be broken |
//! | [`random`] | random bytes in hexadecimal: tokens and nonces |
//! | [`protocol`] | what manager and agent say to each other |
//! | [`bounds`] | reading a message, and what it must keep to |
//! | [`token`] | the secret that a manager and its agents share |
//! | [`proof`] | proving that secret without saying it |
//! | [`line`](mod@line) | reading the protocol's lines, of bounded length |
//! | [`transport`] | the stream under the protocol, plain or TLS |
//! | [`tls`] | certificates and keys, for both sides of TLS |
//! | [`talk`] | a connection between manager and agent, both ways at once |
//! | [`guard`] | taking a lock, whatever became of who had it |
//! | [`atomic`] | replacing a file whole or not at all |
//! | [`manager`] | what the management service is made of |
//! | [`agent`] | what a monitoring agent is made of |

pub mod agent;
pub mod atomic;
pub mod bounds;
pub mod check;
pub mod command;
pub mod config;
pub mod console;
pub mod daylog;
pub mod engine;
#[cfg(test)]
mod example;
pub mod guard;
pub mod input;
pub mod lab;
pub mod line;
pub mod manager;
pub mod metrics;
pub mod outcome;
pub mod printer;
pub mod prompt;
pub mod proof;
pub mod protocol;
pub mod random;
pub mod request;
pub mod runner;
pub mod scrape;
pub mod service;
pub mod stamp;
pub mod state;
pub mod status;
pub mod store;
pub mod table;
pub mod talk;
pub mod tell;
pub mod tls;
pub mod token;
pub mod transport;
pub mod uptime;
pub mod verdict;
pub mod watch;
pub mod wire;

#[cfg(test)]
#[path = "../../tests/common/hostile.rs"]
mod hostile;
