//! Files that are moved away, cut, or cannot be written.

use super::writer::Pen;
use super::*;
use tempfile::TempDir;

const DAY: Date = jiff::civil::date(2024, 4, 20);

fn log() -> (TempDir, DayLog) {
    let folder = tempfile::tempdir().unwrap();
    let log = DayLog::open(folder.path()).unwrap();
    (folder, log)
}

fn text(log: &DayLog, date: Date) -> String {
    fs::read_to_string(log.path(date)).unwrap()
}

#[test]
fn each_day_has_its_file() {
    let (_folder, mut log) = log();
    for (date, line) in [(DAY, "1\n"), (DAY.tomorrow().unwrap(), "2\n"), (DAY, "3\n")] {
        log.append(date, line.as_bytes()).unwrap();
    }
    assert_eq!(text(&log, DAY), "1\n3\n");
    let names: Vec<_> = log
        .files()
        .unwrap()
        .into_iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["results-2024-04-20.jsonl", "results-2024-04-21.jsonl"]);
}

#[test]
fn a_file_that_is_moved_away_or_emptied_gets_no_more_lines_in_its_place() {
    let (folder, mut log) = log();
    log.append(DAY, b"1\n").unwrap();
    let moved = folder.path().join("moved");
    fs::rename(log.path(DAY), &moved).unwrap();
    log.append(DAY, b"2\n").unwrap();
    assert_eq!(
        (fs::read_to_string(&moved).unwrap(), text(&log, DAY)),
        ("1\n".into(), "2\n".into())
    );
    fs::write(log.path(DAY), "").unwrap();
    log.append(DAY, b"3\n").unwrap();
    log.append(DAY, b"4\n").unwrap();
    assert_eq!(text(&log, DAY), "3\n4\n");
}

#[test]
fn a_torn_last_line_is_cut_off_and_told() {
    let (_folder, log) = log();
    for (content, whole) in [("", ""), ("one\n", "one\n"), ("one\ntw", "one\n"), ("on", "")] {
        fs::write(log.path(DAY), content).unwrap();
        let mut notes = Vec::new();
        assert_eq!(mend(&log.path(DAY), &mut notes).unwrap(), whole.len() as u64);
        assert_eq!(text(&log, DAY), whole);
        assert_eq!(notes.is_empty(), content == whole, "{notes:?}");
    }
    let long = format!("one\n{}", "x".repeat(10_000));
    fs::write(log.path(DAY), long).unwrap();
    assert_eq!(mend(&log.path(DAY), &mut Vec::new()).unwrap(), 4);
}

#[test]
fn lines_that_are_none_of_ours_are_counted_and_the_first_is_told() {
    let (_folder, log) = log();
    fs::write(log.path(DAY), "good\nbad\ngood\nworse\n").unwrap();
    let (mut notes, mut good) = (Vec::new(), 0);
    read(&log.path(DAY), 0, &mut notes, |line| match line {
        b"good\n" => {
            good += 1;
            Ok(())
        }
        other => Err(String::from_utf8_lossy(other).trim().to_string()),
    })
    .unwrap();
    assert_eq!((good, notes.len()), (2, 1));
    assert!(notes[0].ends_with("2 lines are no results, and are left out: bad"), "{notes:?}");
    // From the middle of a line on, the next whole one is the first.
    let mut first = Vec::new();
    let take = |line: &[u8]| {
        first.push(line.to_vec());
        Ok(())
    };
    read(&log.path(DAY), 6, &mut notes, take).unwrap();
    assert_eq!(first, [b"good\n".as_slice(), b"worse\n"]);
}

#[test]
fn a_disk_that_cannot_be_written_is_told_once_and_its_end_too() {
    let (folder, log) = log();
    let path = folder.path().to_path_buf();
    drop(folder);
    let mut pen = Pen { log, lost: 0 };
    let first = pen.write(DAY, "x\n", 1).unwrap();
    assert!(first.contains("no such file or directory; results are not kept"), "{first}");
    assert_eq!(pen.write(DAY, "x\n", 2), None);
    fs::create_dir_all(&path).unwrap();
    assert_eq!(pen.write(DAY, "x\n", 1).unwrap(), "results are kept again; 3 were lost");
    assert_eq!(pen.write(DAY, "x\n", 1), None);
    fs::remove_dir_all(&path).unwrap();
}
