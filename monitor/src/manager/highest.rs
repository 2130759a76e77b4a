//! The highest number stored of each boot of each agent: what makes a result new.

use std::collections::BTreeMap;

/// The most boots that are remembered, of all agents together; about 100 bytes each.
const MOST_BOOTS: usize = 100_000;

/// Highest numbers, by agent and boot. When there are too many boots, those
/// give way that were stored to longest ago, of the agent that has the most:
/// an agent sends the results of its older boots first, so that nothing of
/// these is to come any more.
#[derive(Debug, Default)]
pub struct Highest {
    agents: BTreeMap<u64, BTreeMap<Box<str>, Number>>,
    boots: usize,
    /// Counts the changes, so that the oldest can be told.
    changes: u64,
}

#[derive(Debug)]
struct Number {
    seq: u64,
    changed: u64,
}

impl Highest {
    /// The highest number of this boot; 0 for none.
    pub fn of(&self, agent: u64, boot_id: &str) -> u64 {
        let boots = self.agents.get(&agent);
        boots.and_then(|boots| boots.get(boot_id)).map_or(0, |number| number.seq)
    }

    /// Raises the number of this boot; a lower one changes nothing.
    pub fn raise(&mut self, agent: u64, boot_id: &str, seq: u64) {
        self.changes = self.changes.saturating_add(1);
        let changed = self.changes;
        let boots = self.agents.entry(agent).or_default();
        if let Some(number) = boots.get_mut(boot_id) {
            number.seq = number.seq.max(seq);
            number.changed = changed;
            return;
        }
        boots.insert(boot_id.into(), Number { seq, changed });
        self.boots += 1;
        if self.boots > MOST_BOOTS {
            self.forget();
        }
    }

    /// Forgets the older half of the boots of the agent that has the most.
    fn forget(&mut self) {
        let most = self.agents.values_mut().max_by_key(|boots| boots.len());
        let Some(boots) = most else { return };
        let mut changes: Vec<u64> = boots.values().map(|number| number.changed).collect();
        changes.sort_unstable();
        let Some(&middle) = changes.get(changes.len() / 2) else { return };
        let before = boots.len();
        boots.retain(|_, number| number.changed >= middle);
        self.boots -= before - boots.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_never_lowered() {
        let mut highest = Highest::default();
        for seq in [5, 10, 7] {
            highest.raise(1, "a", seq);
        }
        assert_eq!((highest.of(1, "a"), highest.of(1, "b"), highest.of(2, "a")), (10, 0, 0));
    }

    #[test]
    fn nothing_is_forgotten_before_there_are_too_many() {
        let mut highest = Highest::default();
        let boot = |number: usize| format!("{number:032x}");
        for number in 0..MOST_BOOTS {
            highest.raise(1, &boot(number), 1);
        }
        assert_eq!(highest.of(1, &boot(0)), 1);
        highest.raise(1, &boot(MOST_BOOTS), 1);
        assert_eq!((highest.of(1, &boot(0)), highest.of(1, &boot(MOST_BOOTS))), (0, 1));
    }

    #[test]
    fn an_agent_with_countless_boots_pushes_nobody_else_out() {
        let mut highest = Highest::default();
        highest.raise(1, "honest", 7);
        for boot in 0..3 * MOST_BOOTS {
            highest.raise(2, &format!("{boot:032x}"), 1);
        }
        assert!(highest.boots <= MOST_BOOTS);
        assert_eq!(highest.boots, highest.agents.values().map(BTreeMap::len).sum::<usize>());
        assert_eq!(highest.of(1, "honest"), 7);
        assert_eq!(highest.of(2, &format!("{:032x}", 3 * MOST_BOOTS - 1)), 1);
    }
}
