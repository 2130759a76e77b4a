//! Writing a page in Prometheus' text format 0.0.4.

use std::fmt::Write;

/// The name of a label, and its value.
pub type Label = (&'static str, String);

/// A sample: its labels, and its value.
pub type Sample = (Vec<Label>, f64);

/// A page under way.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
}

impl Page {
    /// A figure that goes up and down. The help is without a full stop.
    pub fn gauge(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = Sample>) {
        self.metric(name, "gauge", help, samples);
    }

    /// A figure that only goes up, until the program starts anew.
    pub fn counter(&mut self, name: &str, help: &str, samples: impl IntoIterator<Item = Sample>) {
        self.metric(name, "counter", help, samples);
    }

    /// The whole page.
    pub fn text(self) -> String {
        self.text
    }

    fn metric(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        samples: impl IntoIterator<Item = Sample>,
    ) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}.\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let labels: Vec<String> = labels
                .iter()
                .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
                .collect();
            let _ = match labels.as_slice() {
                [] => writeln!(self.text, "{name} {value}"),
                labels => writeln!(self.text, "{name}{{{}}} {value}", labels.join(",")),
            };
        }
    }
}

/// A label's value: backslash, quote and newline are escaped, nothing else.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_its_head_and_its_samples() {
        let mut page = Page::default();
        page.gauge("threads", "Threads", [(vec![], 3.0)]);
        let labels = vec![("name", "a\"b\\c\nd".to_string()), ("type", "tcp".to_string())];
        page.counter("checks_total", "Checks", [(labels, 0.5)]);
        let expected = "\
# HELP threads Threads.
# TYPE threads gauge
threads 3
# HELP checks_total Checks.
# TYPE checks_total counter
checks_total{name=\"a\\\"b\\\\c\\nd\",type=\"tcp\"} 0.5
";
        assert_eq!(page.text(), expected);
    }
}
