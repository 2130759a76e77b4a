//! The rows of a drawing in characters: which row each point has.

use std::collections::HashMap;

use crate::model::{Run, Time};
use crate::points::{Point, points, sides};
use crate::scale::{Break, Scale};

/// The row of each point.
pub struct Rows {
    of: HashMap<Point, usize>,
    pub breaks: Vec<(usize, Break)>,
    /// The moment to which each row belongs, where there is one.
    pub times: HashMap<usize, Time>,
    pub count: usize,
}

impl Rows {
    pub fn new(run: &Run, scale: &Scale) -> Rows {
        let mut rows =
            Rows { of: HashMap::new(), breaks: Vec::new(), times: HashMap::new(), count: 1 };
        let mut taken: HashMap<(usize, bool), usize> = HashMap::new();
        let (mut down, mut last) = (0.0_f64, None);
        let mut breaks = scale.breaks.iter().peekable();
        for (time, point) in points(run) {
            while let Some(pause) = breaks.next_if(|pause| pause.from < time) {
                let row: usize = last.map_or(0, |last: usize| last + 1);
                rows.breaks.push((row, *pause));
                last = Some(row);
            }
            let least = sides(run, point)
                .iter()
                .filter_map(|side| taken.get(side).map(|row| row + 1))
                .chain(rows.breaks.last().map(|(row, _)| row + 1))
                .chain(last)
                .max()
                .unwrap_or(0);
            let natural = (scale.y(time) + down).round().max(0.0) as usize;
            let row = natural.max(least);
            down += (row - natural) as f64;
            for side in sides(run, point) {
                taken.insert(side, row);
            }
            rows.of.insert(point, row);
            rows.times.entry(row).or_insert(time);
            last = Some(row);
            rows.count = row + 2;
        }
        rows
    }

    pub fn row(&self, point: Point) -> usize {
        self.of.get(&point).copied().unwrap_or(0)
    }
}
