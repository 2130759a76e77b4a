//! What the management service is made of.

pub mod connection;
pub mod console;
pub mod data;
pub mod highest;
pub mod latest;
pub mod listener;
pub mod live;
pub mod metrics;
pub mod notices;
pub mod results;
pub mod service;
pub mod tell;
mod view;
