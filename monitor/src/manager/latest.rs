//! The latest results of each agent, at hand for the console.
//!
//! They are kept as the lines that were stored: the bytes of a line are known,
//! and so the memory of all of them has a bound.

use std::collections::{BTreeMap, VecDeque};

/// The most lines of one agent.
const EACH: usize = 1000;

/// The most bytes of one agent's lines, and of all agents' together.
const EACH_BYTES: usize = 1024 * 1024;
const ALL_BYTES: usize = 16 * 1024 * 1024;

/// The latest lines, by agent, oldest first.
#[derive(Debug, Default)]
pub struct Latest {
    agents: BTreeMap<u64, Lines>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Lines {
    lines: VecDeque<Box<[u8]>>,
    bytes: usize,
}

impl Lines {
    /// Forgets the oldest line; gives its length.
    fn pop(&mut self) -> usize {
        let length = self.lines.pop_front().map_or(0, |line| line.len());
        self.bytes -= length;
        length
    }
}

impl Latest {
    /// Takes one more line in. The oldest give way: of this agent, and where
    /// all have too much, of the one that has the most.
    pub fn push(&mut self, agent: u64, line: &[u8]) {
        let of_agent = self.agents.entry(agent).or_default();
        of_agent.lines.push_back(line.into());
        of_agent.bytes += line.len();
        self.bytes += line.len();
        while of_agent.lines.len() > EACH || of_agent.bytes > EACH_BYTES {
            self.bytes -= of_agent.pop();
        }
        while self.bytes > ALL_BYTES {
            let most = self.agents.values_mut().max_by_key(|lines| lines.bytes);
            let Some(most) = most else { return };
            // Half of them at once, so that this is not done for each line.
            for _ in 0..most.lines.len().div_ceil(2) {
                self.bytes -= most.pop();
            }
        }
    }

    /// The latest `most` lines of an agent, oldest first.
    pub fn of(&self, agent: u64, most: usize) -> impl Iterator<Item = &[u8]> {
        let lines = self.agents.get(&agent).map(|of_agent| &of_agent.lines);
        let skipped = lines.map_or(0, |lines| lines.len().saturating_sub(most));
        lines.into_iter().flatten().skip(skipped).map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_give_way_and_the_latest_are_shown_in_their_order() {
        let mut latest = Latest::default();
        for number in 0..EACH + 5 {
            latest.push(1, number.to_string().as_bytes());
        }
        let shown: Vec<&[u8]> = latest.of(1, 2).collect();
        assert_eq!(shown, [b"1003", b"1004"]);
        assert_eq!(latest.of(1, usize::MAX).count(), EACH);
        assert_eq!(latest.of(2, 5).count(), 0);
    }

    #[test]
    fn one_agents_long_lines_push_nobody_elses_out() {
        let mut latest = Latest::default();
        latest.push(1, b"honest");
        for agent in 2..200 {
            for _ in 0..50 {
                latest.push(agent, &[b'x'; 60_000]);
            }
        }
        assert!(latest.bytes <= ALL_BYTES);
        assert!(latest.agents.values().all(|lines| lines.bytes <= EACH_BYTES));
        assert_eq!(latest.bytes, latest.agents.values().map(|lines| lines.bytes).sum::<usize>());
        assert_eq!(latest.of(1, 5).count(), 1);
    }
}
