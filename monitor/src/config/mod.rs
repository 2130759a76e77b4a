//! What to check, from a line typed or from a TOML file.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`typed`] | `TYPE ADDRESS [PARAMETERS] [INTERVAL]`, the grammar of a line |
//! | [`mod@file`] | the TOML file, and everything that is wrong with one at once |
//! | [`sample`] | a file in which every type and every parameter stands |
//! | `hint` | the word that was perhaps meant |

pub mod file;
mod hint;
pub mod sample;
pub mod typed;
pub(crate) mod understood;

pub use file::{Config, Problem};
pub use typed::Typed;
