//! The tests of the lint: a whole lab passes, and it misses nothing that is missing.

use super::{Labs, lint};

const SHEET: &str = "# UDP ping

## Goal
See a datagram.

## Time
An hour.

## You need
Rust.

## Steps
### First
`cargo run -q --bin udp_ping_server`

```text
## Goal
7. not a question
```

## What happened and why
It was sent.

## Questions
1. Why?
   Think.
2. How
   many?

## Write your own
Do.

## If it goes wrong
It does not.

## Going further
Go.
";

const ANSWERS: &str = "# Answers\n\n1. Because.\n\n2. Ten:\n\n   ```text\n   10\n   ```\n";

fn labs(sheet: &str, answers: &str) -> Labs {
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    Labs {
        sheets: [file("01-udp-ping.md", sheet)].into(),
        answers: [file("01-udp-ping.md", answers)].into(),
        programs: ["udp_ping_server".to_owned()].into(),
    }
}

/// The one fault of these labs is this.
#[track_caller]
fn finds(labs: &Labs, fault: &str) {
    let faults = lint(labs);
    assert!(faults.len() == 1 && faults[0].contains(fault), "{fault:?} against {faults:?}");
    assert!(faults[0].starts_with("labs/"), "{faults:?} names no file");
}

/// After the replacement in the sheet, its one fault is this.
#[track_caller]
fn finds_in_sheet(from: &str, to: &str, fault: &str) {
    assert!(SHEET.contains(from));
    finds(&labs(&SHEET.replacen(from, to, 1), ANSWERS), fault);
}

#[test]
fn a_whole_lab_has_no_faults() {
    assert_eq!(lint(&labs(SHEET, ANSWERS)), Vec::<String>::new());
    let under_headings = "## 1. Why?\nBecause:\n1. of this\n2. of that\n\n## 2. How many?\nTen.\n";
    assert_eq!(lint(&labs(SHEET, under_headings)), Vec::<String>::new());
}

#[test]
fn a_heading_is_missed_when_it_is_missing_twice_there_empty_or_misplaced() {
    finds_in_sheet("## Time\n", "", "has no heading \"## Time\"");
    finds_in_sheet("## Time\n", "### Time\n", "has no heading \"## Time\"");
    finds_in_sheet("## Time\n", "## Goal\nAgain.\n## Time\n", "\"## Goal\" twice");
    finds_in_sheet("Rust.", "", "nothing under \"## You need\"");
    finds_in_sheet("## Steps\n", "## Extras\nx\n## Steps\n", "\"## Extras\" is none of");
    let (time, need) = ("## Time\nAn hour.\n\n", "## You need\nRust.\n\n");
    let misplaced = SHEET.replace(time, "").replace(need, &format!("{need}{time}"));
    finds(&labs(&misplaced, ANSWERS), "\"## Time\" should stand before \"## You need\"");
    finds_in_sheet("```text", "````text", "never closed");
}

#[test]
fn every_question_has_one_answer_and_every_answer_its_question() {
    let question = "1. Why?\n   Think.\n";
    finds_in_sheet(question, "1.\n", "question 1 is empty");
    finds_in_sheet("2. How\n", "2. How\n3. When\n", "question 3 has no answer");
    finds_in_sheet("2. How\n   many?\n", "", "answer 2 has no question");
    let renumbered = labs(&SHEET.replace("2. How", "3. How"), &ANSWERS.replace("2. ", "3. "));
    finds(&renumbered, "question 3 should have the number 2");
    let none = labs(&SHEET.replace(question, "").replace("2. How\n", "How\n"), "# Answers\n");
    finds(&none, "no numbered question");

    finds(&labs(SHEET, "1. Because.\n2.\n"), "answer to question 2 is empty");
    finds(&labs(SHEET, "1. Because.\n"), "question 2 has no answer");
    finds(&labs(SHEET, "## 1. Why?\n\n## 2. How?\nTen.\n"), "answer to question 1 is empty");
    finds(&labs(SHEET, &format!("{ANSWERS}\n3. More.\n")), "answer 3 has no question");
    finds(&labs(SHEET, &format!("{ANSWERS}\n2. Again.\n")), "two answers 2");
    let mut unanswered = labs(SHEET, ANSWERS);
    unanswered.answers.clear();
    finds(&unanswered, "has no answers in labs/answers/");
}

#[test]
fn names_and_numbers_are_real() {
    finds_in_sheet(
        "udp_ping_server",
        "udp_pong",
        "udp_pong, to be run by cargo: there is no such program",
    );
    finds_in_sheet("--bin udp_ping_server", "--example 01_naive", "01_naive, to be run by cargo");
    let mut twice = labs(SHEET, ANSWERS);
    twice.sheets.insert("01-other.md".into(), SHEET.into());
    twice.answers.insert("01-other.md".into(), ANSWERS.into());
    finds(&twice, "has the same number as labs/01-other.md");
    let mut orphan = labs(SHEET, ANSWERS);
    orphan.answers.insert("02-gone.md".into(), ANSWERS.into());
    finds(&orphan, "labs/answers/02-gone.md: there is no labs/02-gone.md");
}
