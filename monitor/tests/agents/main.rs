//! The management service and its agents as real programs, killed, cut off and attacked.
//!
//! `make soak` runs the same for longer: SOAK_SECONDS=300 SOAK_AGENTS=50
//! SOAK_KILLS=1000 SOAK_CROWD=500.
//! world: starting managers and agents, with a cable between them that can be
//! cut; soak: nothing lost under faults; crash: data.json under kill -9;
//! claims: an identifier that is not heard; disk: one that is full; crowd: many
//! agents; hostile, floods, drips: peers that mean no good; page: an agent from
//! the protocol's page; programs: the command lines, token, TLS.

mod claims;
#[path = "../../../tests/common/mod.rs"]
mod common;
mod crash;
mod crowd;
mod disk;
mod drips;
mod floods;
mod hostile;
mod page;
mod programs;
mod soak;
mod trouble;
mod world;
