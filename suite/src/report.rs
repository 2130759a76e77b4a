//! What a person, and continuous integration, read of the run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::job::{Job, Outcome};

/// What one binary's tests came to so far.
#[derive(Default)]
struct Group {
    left: usize,
    passed: usize,
    failed: usize,
    ignored: usize,
    took: Duration,
}

pub struct Report {
    groups: BTreeMap<String, Group>,
    pub failed: Vec<(Job, Outcome)>,
    /// Those that failed, and then passed alone, with how they had failed.
    mended: Vec<(Job, Outcome)>,
    slowest: Vec<(Duration, String)>,
}

impl Report {
    pub fn of(jobs: &[Job]) -> Report {
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for job in jobs {
            groups.entry(job.group().to_string()).or_default().left += 1;
        }
        Report { groups, failed: Vec::new(), mended: Vec::new(), slowest: Vec::new() }
    }

    /// Takes in how a test went; tells at once if it failed, and of each binary
    /// what `cargo test` would, once all its tests have passed.
    pub fn enter(&mut self, job: &Job, outcome: Outcome) {
        let group = self.groups.entry(job.group().to_string()).or_default();
        group.left = group.left.saturating_sub(1);
        group.passed += outcome.passed;
        group.failed += outcome.failed;
        group.ignored += outcome.ignored;
        group.took += outcome.took;
        self.slowest.push((outcome.took, job.name()));
        if outcome.failed > 0 {
            println!("FAILED {} ({:.1} s)", job.name(), outcome.took.as_secs_f64());
            self.failed.push((job.clone(), outcome));
        }
        if group.left == 0 && group.failed == 0 {
            println!("{}  {}", group.result(), job.group());
        }
    }

    /// Takes in the second chance of a test.
    pub fn again(&mut self, job: Job, first: Outcome, second: &Outcome) {
        if second.failed == 0 {
            let group = self.groups.entry(job.group().to_string()).or_default();
            group.failed -= first.failed;
            group.passed += second.passed;
            self.mended.push((job, first));
        } else {
            let output = format!("{}\n---- once more, alone ----\n{}", first.output, second.output);
            self.failed.push((job, Outcome { output, ..first }));
        }
    }

    /// The end: every failure's whole output, then what came of it all.
    pub fn close(&mut self, took: Duration, computed: Option<Duration>) {
        let with_failures: BTreeSet<&str> =
            self.failed.iter().chain(&self.mended).map(|(job, _)| job.group()).collect();
        for group in with_failures {
            println!("{}  {group}", self.groups[group].result());
        }
        let sum = |figure: fn(&Group) -> usize| self.groups.values().map(figure).sum::<usize>();
        let (passed, failed, ignored) = (sum(|g| g.passed), sum(|g| g.failed), sum(|g| g.ignored));
        self.slowest.sort();
        println!("\nthe longest:");
        for (took, name) in self.slowest.iter().rev().take(10) {
            println!("  {:6.1} s  {name}", took.as_secs_f64());
        }
        let waited: Duration = self.slowest.iter().map(|(took, _)| *took).sum();
        println!(
            "{passed} passed, {failed} failed, {ignored} ignored in {:.0} s; one by one {:.0} s{}",
            took.as_secs_f64(),
            waited.as_secs_f64(),
            computed.map_or(String::new(), |time| {
                format!(", of which computing {:.0} s", time.as_secs_f64())
            })
        );
        for (job, outcome) in self.failed.iter().chain(&self.mended) {
            println!("\n---- {} ----\n{}", job.name(), outcome.output.trim_end());
        }
        for (heading, jobs) in
            [("failed once, passed alone", &self.mended), ("failed", &self.failed)]
        {
            for (job, _) in jobs {
                println!("\n{heading}: {}", job.name());
            }
        }
    }
}

impl Group {
    fn result(&self) -> String {
        let Group { passed, failed, ignored, took, .. } = self;
        let verdict = if *failed == 0 { "ok" } else { "FAILED" };
        format!(
            "test result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored; \
             0 measured; 0 filtered out; finished in {:.2}s",
            took.as_secs_f64()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(passed: usize, failed: usize) -> Outcome {
        let took = Duration::from_secs(1);
        Outcome { passed, failed, ignored: 0, output: String::new(), took }
    }

    #[test]
    fn a_second_chance_counts_as_passed_only_if_it_is_taken() {
        let jobs = ["a", "b", "c"].map(Job::missing);
        let mut report = Report::of(&jobs);
        for (job, passed) in jobs.iter().zip([1, 0, 0]) {
            report.enter(job, outcome(passed, 1 - passed));
        }
        assert_eq!(report.failed.len(), 2);
        for ((job, first), passes) in std::mem::take(&mut report.failed).into_iter().zip([1, 0]) {
            report.again(job, first, &outcome(passes, 1 - passes));
        }
        let named =
            |list: &[(Job, Outcome)]| list.iter().map(|(job, _)| job.name()).collect::<Vec<_>>();
        assert_eq!(named(&report.mended), ["missing b"]);
        assert_eq!(named(&report.failed), ["missing c"]);
        let result = report.groups["missing"].result();
        assert!(result.starts_with("test result: FAILED. 2 passed; 1 failed;"), "{result}");
    }
}
