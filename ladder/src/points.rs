//! The moments of a run that need a place of their own on a drawing.

use crate::model::{Ended, Mark, Run, Time};

/// Something that happens at a moment: a packet left or came, by its index, or a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Point {
    Left(usize),
    Came(usize),
    Mark(usize),
}

/// All points, in the order of time.
pub fn points(run: &Run) -> Vec<(Time, Point)> {
    let packets = run.packets.iter().enumerate().flat_map(|(index, packet)| {
        [(packet.left.at, Point::Left(index)), (packet.came.at, Point::Came(index))]
    });
    let marks = run.marks.iter().enumerate().map(|(index, mark)| match mark {
        Mark::Timeout { to, .. } => (*to, Point::Mark(index)),
        Mark::Band { from, .. } => (*from, Point::Mark(index)),
        Mark::Note { at, .. } => (*at, Point::Mark(index)),
    });
    let mut points: Vec<(Time, Point)> = packets.chain(marks).collect();
    // At one moment, what comes in comes before what leaves; but no packet before it left.
    let instant = |index: usize| run.packets[index].left.at == run.packets[index].came.at;
    points.sort_by_key(|&(time, point)| {
        let order = match point {
            Point::Came(index) => {
                if instant(index) {
                    3
                } else {
                    0
                }
            }
            Point::Mark(_) => 1,
            Point::Left(_) => 2,
        };
        (time, order, point)
    });
    points
}

/// The sides of lifelines that a point takes: whether it is the right side.
pub fn sides(run: &Run, point: Point) -> Vec<(usize, bool)> {
    let last = run.lifelines.len() - 1;
    match point {
        Point::Left(index) => {
            let packet = &run.packets[index];
            vec![(packet.from, packet.from <= packet.to)]
        }
        Point::Came(index) => {
            let packet = &run.packets[index];
            match packet.fate.ended() {
                Ended::Arrived | Ended::ThereDead => vec![(packet.to, packet.from > packet.to)],
                Ended::Midway | Ended::Here => Vec::new(),
            }
        }
        Point::Mark(index) => match run.marks[index] {
            Mark::Timeout { lifeline, .. } | Mark::Note { lifeline, .. } => {
                vec![(lifeline, lifeline < last || last == 0)]
            }
            Mark::Band { near, far, .. } => vec![(near, near <= far), (far, near > far)],
        },
    }
}
