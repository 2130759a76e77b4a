//! The addresses of a server's name, asked one after the other until one answers.

use std::net::SocketAddr;

use crate::clock::At;
use crate::event::{NextAddress, Reporter};

/// How it went with one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt<T> {
    /// This was the one, with whatever result.
    Done(T),
    /// It refused or cannot be reached, for this reason, and nothing ever came
    /// back from it: the name's next address may do better.
    NextAddress(String),
}

/// Asks one address after the other, and says so. `ask` is told whether there
/// is a next one; without one, it goes on with the address that it has.
///
/// # Errors
/// Those of `ask`; a last address has no next one to give way to.
pub fn ask_each<T>(
    servers: &[SocketAddr],
    reporter: &Reporter,
    mut ask: impl FnMut(SocketAddr, bool) -> Result<Attempt<T>, String>,
) -> Result<T, String> {
    let mut left = servers.iter().copied().peekable();
    let mut last = "there is no address to ask".to_string();
    while let Some(asked) = left.next() {
        match (ask(asked, left.peek().is_some())?, left.peek()) {
            (Attempt::Done(result), _) => return Ok(result),
            (Attempt::NextAddress(why), Some(&next)) => {
                reporter.tell(&NextAddress { at_ns: At::now(), asked, why, next });
            }
            (Attempt::NextAddress(why), None) => last = why,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(refusing: usize) -> (Result<u16, String>, Vec<(u16, bool)>) {
        let servers: Vec<SocketAddr> =
            (1..=3).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect();
        let mut asked = Vec::new();
        let result = ask_each(&servers, &Reporter::new(false, true), |server, more| {
            asked.push((server.port(), more));
            Ok(match asked.len() {
                refused if refused <= refusing => Attempt::NextAddress("refused".to_string()),
                _ => Attempt::Done(server.port()),
            })
        });
        (result, asked)
    }

    #[test]
    fn the_first_that_answers_ends_the_search_and_the_last_one_knows_that_it_is() {
        assert_eq!(ask(0), (Ok(1), vec![(1, true)]));
        assert_eq!(ask(2), (Ok(3), vec![(1, true), (2, true), (3, false)]));
        assert_eq!(ask(3).0, Err("refused".to_string()));
    }
}
