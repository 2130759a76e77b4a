//! Time to scale, downwards: how far below the first event each moment is drawn, and where a pause is broken.

use std::collections::{BTreeMap, HashMap};
use std::iter::from_fn;

use crate::model::{Kind, Mark, Run, Time};
use crate::points::{points, sides};

/// How large things are, in rows or pixels.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// A typical exchange, from the request's departure to the reply's arrival.
    pub exchange: f64,
    /// The longest stretch that is drawn while something is under way or waited for.
    pub busy: f64,
    /// The same while nothing is.
    pub idle: f64,
    /// A stretch longer than that is broken, and takes this much.
    pub broken: f64,
    /// The least between two things at the same side of a lifeline, so that both can be read.
    pub apart: f64,
}

/// From moments to distances.
#[derive(Debug, Clone)]
pub struct Scale {
    /// In order; between two of them it is linear, unless the stretch is broken.
    stops: Vec<(Time, f64)>,
    pub breaks: Vec<Break>,
    /// Distance of a nanosecond where it is to scale.
    pub unit: f64,
    /// Whether anything was moved down to be read.
    pub moved: bool,
}

/// A stretch of time that is left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Break {
    pub from: Time,
    pub to: Time,
    pub top: f64,
    pub bottom: f64,
}

impl Scale {
    pub fn new(run: &Run, sizes: Sizes) -> Scale {
        let unit = sizes.exchange / typical(run).max(1) as f64;
        let times = times(run);
        let busy = busy(run);
        let mut points = points(run).into_iter().peekable();
        let mut taken: HashMap<(usize, bool), f64> = HashMap::new();
        let stops = Vec::with_capacity(times.len());
        let mut scale = Scale { stops, breaks: Vec::new(), unit, moved: false };
        let mut y = 0.0_f64;
        for (index, &time) in times.iter().enumerate() {
            if let Some(&(before, _)) = scale.stops.last() {
                let length = (time - before) as f64 * unit;
                let most = if busy[index - 1] { sizes.busy } else { sizes.idle };
                let broken = length > most;
                let height = if broken { sizes.broken } else { length };
                if broken {
                    scale.breaks.push(Break { from: before, to: time, top: y, bottom: y + height });
                }
                y += height;
            }
            let here: Vec<_> = from_fn(|| points.next_if(|(at, _)| *at <= time)).collect();
            let here: Vec<_> = here.iter().flat_map(|(_, point)| sides(run, *point)).collect();
            let least = here.iter().filter_map(|side| taken.get(side)).map(|y| y + sizes.apart);
            let least = least.fold(y, f64::max);
            scale.moved |= least > y + 0.5;
            y = least;
            taken.extend(here.into_iter().map(|side| (side, y)));
            scale.stops.push((time, y));
        }
        scale
    }

    pub fn height(&self) -> f64 {
        self.stops.last().map_or(0.0, |stop| stop.1)
    }

    pub fn y(&self, time: Time) -> f64 {
        let after = self.stops.partition_point(|stop| stop.0 < time);
        match (after.checked_sub(1).and_then(|i| self.stops.get(i)), self.stops.get(after)) {
            (_, Some(&(at, y))) if at == time => y,
            (Some(&(from, top)), Some(&(to, bottom))) => {
                top + (bottom - top) * (time - from) as f64 / (to - from).max(1) as f64
            }
            (Some(&(_, y)), None) | (None, Some(&(_, y))) => y,
            (None, None) => 0.0,
        }
    }

    /// A round length of time for the scale bar, and its distance: at most `most` long.
    pub fn bar(&self, most: f64) -> (Time, f64) {
        let mut time: Time = 1;
        for step in [2, 5, 10].iter().cycle() {
            let base = 10_i64.pow(time.ilog10());
            let longer = if *step == 10 { base * 10 } else { base * step };
            if longer as f64 * self.unit > most || longer > Time::MAX / 100 {
                break;
            }
            time = longer;
        }
        (time, time as f64 * self.unit)
    }
}

/// All moments at which something happens, each once, in order.
fn times(run: &Run) -> Vec<Time> {
    let packets = run.packets.iter().flat_map(|packet| [packet.left.at, packet.came.at]);
    let marks = run.marks.iter().flat_map(|mark| <[Time; 2]>::from(mark.times()));
    let mut times: Vec<Time> = packets.chain(marks).collect();
    times.sort_unstable();
    times.dedup();
    times
}

/// Of each stretch between two moments, whether anything was under way or waited for.
fn busy(run: &Run) -> Vec<bool> {
    let mut changes: BTreeMap<Time, i64> = times(run).into_iter().map(|time| (time, 0)).collect();
    let mut cover = |from: Time, to: Time| {
        *changes.entry(from).or_default() += 1;
        *changes.entry(to).or_default() -= 1;
    };
    for (from, to) in spans(run).values() {
        cover(*from, *to);
    }
    for mark in &run.marks {
        cover(mark.times().0, mark.times().1);
    }
    let mut open = 0;
    changes
        .values()
        .map(|change| {
            open += change;
            open > 0
        })
        .collect()
}

/// From when to when each exchange lasted.
fn spans(run: &Run) -> HashMap<usize, (Time, Time)> {
    let mut spans: HashMap<usize, (Time, Time)> = HashMap::new();
    for packet in &run.packets {
        let span = spans.entry(packet.exchange).or_insert((packet.left.at, packet.came.at));
        *span = (span.0.min(packet.left.at), span.1.max(packet.came.at));
    }
    spans
}

/// The median duration of the exchanges that had an answer; or else of any;
/// or else of the timeouts.
fn typical(run: &Run) -> Time {
    let spans = spans(run);
    let answered =
        run.packets.iter().filter(|packet| packet.kind != Kind::Request && packet.came.known);
    let mut lengths: Vec<Time> = answered
        .filter_map(|packet| spans.get(&packet.exchange))
        .map(|(from, to)| to - from)
        .collect();
    if lengths.is_empty() {
        lengths = spans.values().map(|(from, to)| to - from).filter(|time| *time > 0).collect();
    }
    if lengths.is_empty() {
        let timeout = |mark: &Mark| {
            matches!(mark, Mark::Timeout { .. }).then(|| mark.times().1 - mark.times().0)
        };
        lengths = run.marks.iter().filter_map(timeout).collect();
    }
    lengths.sort_unstable();
    lengths.get(lengths.len() / 2).copied().unwrap_or(1_000_000)
}

/// A length of time for a person: `0.142 ms`, `98.3 ms`, `1.25 s`, three digits that count.
pub fn length(time: Time) -> String {
    let (value, unit) = match time.abs() {
        0..999_500 => (time as f64 / 1e3, "µs"),
        999_500..999_500_000 => (time as f64 / 1e6, "ms"),
        _ => (time as f64 / 1e9, "s"),
    };
    let decimals = match value.abs() {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} {unit}")
}

/// A moment on the axis: milliseconds since the first packet.
pub fn clock(time: Time) -> String {
    let ms = time as f64 / 1e6;
    if ms.abs() < 10_000.0 { format!("{ms:.3} ms") } else { format!("{:.6} s", ms / 1e3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_three_digits_that_count() {
        for (time, text) in [
            (0, "0 µs"),
            (142_300, "142 µs"),
            (1_250_000, "1.25 ms"),
            (98_300_000, "98.3 ms"),
            (100_000_000, "100 ms"),
            (999_480_000, "999 ms"),
            (999_970_000, "1 s"),
            (999_960_000_000, "1000 s"),
            (2_000_000_000, "2 s"),
        ] {
            assert_eq!(length(time), text);
        }
    }

    #[test]
    fn the_scale_bar_is_round_and_fits() {
        let scale = Scale { stops: Vec::new(), breaks: Vec::new(), unit: 1e-6, moved: false };
        assert_eq!(scale.bar(7.0), (5_000_000, 5.0));
        assert_eq!(scale.bar(19.9), (10_000_000, 10.0));
        assert_eq!(scale.bar(20.0), (20_000_000, 20.0));
    }
}
