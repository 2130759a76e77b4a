//! What is kept is read back, whatever happened to it meanwhile.

use std::fs::{self, OpenOptions};
use std::io::Write;

use super::write::Writer;
use super::*;
use crate::example;
use proptest::prelude::*;

/// A folder of the test's own, which is removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("monitor-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn result(at: &str, reason: &str) -> (Timestamp, String) {
    let outcome = Outcome::down(reason).after(Duration::from_micros(1500));
    (time(at), line(time(at), &example::service("a"), &outcome))
}

fn write(folder: &Folder, results: &[(Timestamp, String)]) {
    fs::create_dir_all(&folder.0).unwrap();
    let mut writer = Writer { folder: folder.0.clone(), file: None, lost: 0 };
    for (time, line) in results {
        assert_eq!(writer.write(day(*time), &format!("{line}\n"), 1), None);
    }
}

/// The reasons of what is read back, and the notes.
fn read_back(folder: &Folder, now: &str, most: u64) -> (Vec<String>, Vec<String>) {
    let (mut reasons, mut notes) = (Vec::new(), Vec::new());
    restore(&folder.0, time(now), most, &mut notes, |record| reasons.push(record.reason)).unwrap();
    (reasons, notes)
}

#[test]
fn what_is_kept_is_read_back_from_the_files_of_two_days() {
    let folder = Folder::new("two-days");
    let results = [
        result("2024-04-19T12:00:00Z", "too old"),
        result("2024-04-19T23:59:59.5Z", "first"),
        result("2024-04-20T00:00:00Z", "second"),
        result("2024-04-20T12:30:00Z", "in the future"),
    ];
    write(&folder, &results);
    let mut files: Vec<_> =
        fs::read_dir(&folder.0).unwrap().map(|file| file.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["results-2024-04-19.jsonl", "results-2024-04-20.jsonl"]);
    let (reasons, notes) = read_back(&folder, "2024-04-20T12:10:00Z", READ_AT_MOST);
    assert_eq!(reasons, ["first", "second"]);
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains("1 results are later than the clock"), "{notes:?}");
}

#[test]
fn a_torn_last_line_is_dropped_and_told_and_the_file_is_whole_again() {
    let folder = Folder::new("torn");
    let (at, whole) = result("2024-04-20T12:00:00Z", "whole");
    write(&folder, &[(at, whole.clone())]);
    let path = path(&folder.0, day(at));
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
    let folder = Folder::new("bounded");
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
    let folder = Folder::new("none");
    assert_eq!(read_back(&folder, "2024-04-20T12:10:00Z", READ_AT_MOST), (vec![], vec![]));
    let file = folder.0.join("file");
    fs::write(&file, "").unwrap();
    let mut notes = Vec::new();
    let why = restore(&file.join("x"), Timestamp::UNIX_EPOCH, 1, &mut notes, |_| ());
    assert!(why.unwrap_err().contains("cannot use"));
}

#[test]
fn a_disk_that_cannot_be_written_is_told_once_and_its_end_too() {
    let folder = Folder::new("gone");
    let mut writer = Writer { folder: folder.0.clone(), file: None, lost: 0 };
    let (at, line) = result("2024-04-20T12:00:00Z", "x");
    let text = line + "\n";
    let first = writer.write(day(at), &text, 1).unwrap();
    assert!(first.contains("no such file or directory; results are not kept"), "{first}");
    assert_eq!(writer.write(day(at), &text, 2), None);
    fs::create_dir_all(&folder.0).unwrap();
    let end = writer.write(day(at), &text, 1).unwrap();
    assert_eq!(end, "results are kept again; 3 were lost");
    assert_eq!(writer.write(day(at), &text, 1), None);
}

proptest! {
    #[test]
    fn every_result_is_read_back_as_it_was_kept(reason: String, name: String, micros in 0u64..9_000_000) {
        let service = example::service(&name);
        let wall = time("2024-04-20T12:00:00.123456Z");
        let took = Duration::from_micros(micros);
        let line = line(wall, &service, &Outcome::up(reason.clone()).after(took));
        prop_assert!(!line.contains('\n'));
        let back = record(&line).unwrap();
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
        let _ = record(&line);
    }
}
