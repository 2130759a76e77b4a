//! The space-time diagram of a run, from the JSON lines of its programs.
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`model`] | what a run was: lifelines, packets, marks |
//! | [`ledger`] | reading the lines of a file |
//! | [`sighting`] | each event as what it says of one packet |
//! | [`clocks`] | one clock for all |
//! | [`lifelines`] | who took part |
//! | [`matching`] | departures and arrivals of the same packet |
//! | [`connections`] | timeouts, connections, and words beside the packets |
//! | [`run`](mod@run) | all of these, in their order |
//! | [`selection`] | which part is drawn |
//! | [`points`] | the moments that need a place |
//! | [`scale`] | from moments to distances |
//! | [`look`] | how a packet looks, and what is said of it |
//! | [`grid`], [`rows`], [`legend`], [`text`] | drawing for a terminal |
//! | [`svg`], [`html`] | drawing as a picture, and as a page |
//!
//! ```
//! let client = br#"{"event":"start","at_ns":1,"program":"udp_ping_client","server":"127.0.0.1:7","local":"127.0.0.1:4000"}
//! {"event":"sent","at_ns":1000,"seq":1,"bytes":34}
//! {"event":"summary","at_ns":5000,"sent":1}
//! "#;
//! let (mut ledgers, mut wrong) = (Vec::new(), Vec::new());
//! ladder::ledger::read("client.jsonl", client, &mut ledgers, &mut wrong);
//! let run = ladder::run::run(ledgers, None);
//! assert_eq!(run.packets.len(), 1);
//! assert!(wrong.is_empty());
//! ```

pub mod clocks;
pub mod connections;
pub mod grid;
pub mod html;
pub mod ledger;
pub mod legend;
pub mod lifelines;
pub mod look;
pub mod matching;
pub mod model;
pub mod points;
pub mod rows;
pub mod run;
pub mod scale;
pub mod selection;
pub mod sighting;
pub mod svg;
pub mod text;
