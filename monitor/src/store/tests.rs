//! What is kept is read back, whatever happened to it meanwhile.

use std::fs::{self, OpenOptions};
use std::io::Write;

use super::*;
use crate::example;
use proptest::prelude::*;
use tempfile::TempDir;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn result(at: &str, reason: &str) -> (Timestamp, String) {
    let outcome = Outcome::down(reason).after(Duration::from_micros(1500));
    (time(at), Record::new(time(at), &example::service("a"), &outcome).line())
}

fn write(folder: &TempDir, results: &[(Timestamp, String)]) {
    let mut log = DayLog::open(folder.path()).unwrap();
    for (time, line) in results {
        log.append(day(*time), format!("{line}\n").as_bytes()).unwrap();
    }
}

/// The reasons of what is read back, and the notes.
fn read_back(folder: &TempDir, now: &str, most: u64) -> (Vec<String>, Vec<String>) {
    let (mut reasons, mut notes) = (Vec::new(), Vec::new());
    let log = DayLog::open(folder.path()).unwrap();
    restore(&log, time(now), most, &mut notes, |record| reasons.push(record.reason)).unwrap();
    (reasons, notes)
}

#[test]
fn what_is_kept_is_read_back_from_the_files_of_two_days() {
    let folder = tempfile::tempdir().unwrap();
    let results = [
        result("2024-04-19T12:00:00Z", "too old"),
        result("2024-04-19T23:59:59.5Z", "first"),
        result("2024-04-20T00:00:00Z", "second"),
        result("2024-04-20T12:30:00Z", "in the future"),
    ];
    write(&folder, &results);
    let mut files: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["results-2024-04-19.jsonl", "results-2024-04-20.jsonl"]);
    let (reasons, notes) = read_back(&folder, "2024-04-20T12:10:00Z", READ_AT_MOST);
    assert_eq!(reasons, ["first", "second"]);
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("1 results are later than the clock"), "{notes:?}");
}

#[test]
fn a_torn_last_line_is_dropped_and_told_and_the_file_is_whole_again() {
    let folder = tempfile::tempdir().unwrap();
    let (at, whole) = result("2024-04-20T12:00:00Z", "whole");
    write(&folder, &[(at, whole.clone())]);
    let path = DayLog::open(folder.path()).unwrap().path(day(at));
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&whole.as_bytes()[..50]).unwrap();
    let (reasons, notes) = read_back(&folder, "2024-04-20T12:10:00Z", READ_AT_MOST);
    assert_eq!(reasons, ["whole"]);
    assert!(notes[0].contains("torn, and its 50 bytes are dropped"), "{notes:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), whole + "\n");
    assert_eq!(read_back(&folder, "2024-04-20T12:10:00Z", READ_AT_MOST).1, [""; 0]);
}

#[test]
fn no_more_than_so_much_is_read_and_the_latest() {
    let folder = tempfile::tempdir().unwrap();
    let results: Vec<_> = (10..60)
        .map(|minute| result(&format!("2024-04-20T12:{minute}:00Z"), &minute.to_string()))
        .collect();
    write(&folder, &results);
    let length = results[0].1.len() as u64 + 1;
    for (most, expected) in [(3 * length, 3), (3 * length + 7, 3), (4 * length - 1, 3)] {
        let (reasons, notes) = read_back(&folder, "2024-04-20T13:00:00Z", most);
        assert_eq!(reasons, ["57", "58", "59"][3 - expected..]);
        assert!(notes[0].contains("only the last"), "{notes:?}");
    }
    assert_eq!(read_back(&folder, "2024-04-20T13:00:00Z", 50 * length).0.len(), 50);
}

#[test]
fn a_folder_that_cannot_be_is_told_and_an_empty_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(read_back(&folder, "2024-04-20T12:10:00Z", READ_AT_MOST), (vec![], vec![]));
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(DayLog::open(&file.join("x")).unwrap_err().contains("cannot use"));
}

proptest! {
    #[test]
    fn every_result_is_read_back_as_it_was_kept(reason: String, name: String, micros in 0u64..9_000_000) {
        let service = example::service(&name);
        let wall = time("2024-04-20T12:00:00.123456Z");
        let took = Duration::from_micros(micros);
        let line = Record::new(wall, &service, &Outcome::up(reason.clone()).after(took)).line();
        prop_assert!(!line.contains('\n'));
        let back: Record = serde_json::from_str(&line).unwrap();
        prop_assert!(back.took.unwrap().abs_diff(took) < Duration::from_nanos(2));
        let expected = Record {
            time: wall,
            service: name,
            kind: "tcp".to_string(),
            verdict: Verdict::Up,
            took: back.took,
            reason,
        };
        prop_assert_eq!(back, expected);
    }

    #[test]
    fn no_line_makes_the_reader_panic(line: String) {
        let _ = serde_json::from_str::<Record>(&line);
    }
}
