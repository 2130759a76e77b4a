//! What all Unix systems have in common.

pub mod child;
pub mod clock;
pub mod connect;
pub mod files;
pub mod message;
pub mod names;
pub mod options;
pub mod signals;
pub mod terminal;
pub mod user;
pub mod wait;
