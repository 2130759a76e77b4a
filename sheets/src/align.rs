//! Which quoted line belongs to which printed one, where they are not all alike.

use crate::pattern::Pattern;

/// One step through both lists, by the lines' numbers.
#[derive(Debug, PartialEq)]
pub enum Pair {
    /// The printed line is as quoted.
    Same {
        quoted: usize,
        printed: usize,
    },
    /// The printed line stands where the quoted one should.
    Changed {
        quoted: usize,
        printed: usize,
    },
    /// The quoted line was not printed.
    Missing {
        quoted: usize,
    },
    /// The printed line was not quoted.
    Extra {
        printed: usize,
    },
    /// A `...`; then the lines that it stands for.
    Gap {
        quoted: usize,
    },
    Skipped {
        printed: usize,
    },
}

const MISSING_OR_EXTRA: usize = 3;
/// Less than a missing line, or a `...` above would swallow a changed line.
const CHANGED: usize = 2;
const CHANGED_A_LITTLE: usize = 1;

/// The cheapest way through both lists, in order.
pub fn align(quoted: &[String], printed: &[String]) -> Vec<Pair> {
    let patterns: Vec<Pattern> = quoted.iter().map(|line| Pattern::new(line)).collect();
    let changed = |q: usize, p: usize| {
        let word = |line: &str| line.split_whitespace().next().map(str::to_owned);
        match word(&quoted[q]) == word(&printed[p]) {
            _ if patterns[q].matches(&printed[p]) => 0,
            true => CHANGED_A_LITTLE,
            false => CHANGED,
        }
    };

    // costs[q][p]: of the best way through quoted[q..] and printed[p..].
    let (rows, columns) = (quoted.len(), printed.len());
    let mut costs = vec![vec![0; columns + 1]; rows + 1];
    costs[rows] = (0..=columns).rev().map(|left| left * MISSING_OR_EXTRA).collect();
    for q in (0..rows).rev() {
        for p in (0..=columns).rev() {
            let mut ways = Vec::new();
            if patterns[q].is_gap() {
                ways.push(costs[q + 1][p]);
                if p < columns {
                    ways.push(costs[q][p + 1]);
                }
            } else {
                ways.push(costs[q + 1][p] + MISSING_OR_EXTRA);
                if p < columns {
                    ways.push(costs[q][p + 1] + MISSING_OR_EXTRA);
                    ways.push(costs[q + 1][p + 1] + changed(q, p));
                }
            }
            costs[q][p] = ways.into_iter().min().unwrap_or(0);
        }
    }

    let mut pairs = Vec::new();
    let (mut q, mut p) = (0, 0);
    let mut in_gap = false;
    while q < rows || p < columns {
        let cost = costs[q][p];
        if q < rows && patterns[q].is_gap() {
            if !in_gap {
                pairs.push(Pair::Gap { quoted: q });
            }
            in_gap = cost != costs[q + 1][p];
            if in_gap {
                pairs.push(Pair::Skipped { printed: p });
                p += 1;
            } else {
                q += 1;
            }
        } else if q < rows && p < columns && cost == costs[q + 1][p + 1] + changed(q, p) {
            let (quoted, printed) = (q, p);
            pairs.push(match changed(q, p) {
                0 => Pair::Same { quoted, printed },
                _ => Pair::Changed { quoted, printed },
            });
            (q, p) = (q + 1, p + 1);
        } else if q < rows && cost == costs[q + 1][p] + MISSING_OR_EXTRA {
            pairs.push(Pair::Missing { quoted: q });
            q += 1;
        } else {
            pairs.push(Pair::Extra { printed: p });
            p += 1;
        }
    }
    pairs
}
