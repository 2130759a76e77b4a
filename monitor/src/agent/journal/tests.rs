use super::*;
use serde_json::Map;

const BOOT: &str = "00112233445566778899aabbccddeeff";

fn item(seq: u64) -> Delivery {
    Delivery::Result(Report {
        boot_id: BOOT.into(),
        seq,
        task: "1".into(),
        rev: 1,
        started_at: "2026-11-21T08:18:28.123456Z".into(),
        duration_us: 1,
        verdict: crate::verdict::Verdict::Up,
        reason: "two\nlines".into(),
        detail: Map::new(),
    })
}

fn kept(journal: &Journal) -> Vec<Delivery> {
    journal.spool.items().cloned().collect()
}

#[test]
fn an_agent_that_died_finds_what_was_not_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool");
    let (mut journal, damage) = Journal::open(&path, 100).unwrap();
    assert_eq!(damage, Damage::default());
    for seq in 1..=5 {
        journal.push(item(seq)).unwrap();
    }
    journal.acked(&Ack { boot_id: BOOT.into(), seq: 2 }).unwrap();
    drop(journal);
    let (journal, damage) = Journal::open(&path, 100).unwrap();
    assert_eq!(kept(&journal), vec![item(3), item(4), item(5)]);
    assert_eq!(damage, Damage::default());
}

#[test]
fn a_crash_in_the_middle_of_a_line_loses_that_line_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool");
    let (mut journal, _) = Journal::open(&path, 100).unwrap();
    for seq in 1..=3 {
        journal.push(item(seq)).unwrap();
    }
    let whole = fs::read(&path).unwrap();
    let third = whole.len() - whole.len() / 3;
    for cut in third + 1..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let (journal, damage) = Journal::open(&path, 100).unwrap();
        assert_eq!(kept(&journal), vec![item(1), item(2)]);
        assert_eq!(damage, Damage { cut_off: true, ..Damage::default() });
    }
}

#[test]
fn a_damaged_line_is_left_out_and_its_numbers_are_noted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool");
    let cases = (1..=3u64).flat_map(|damaged| [(damaged, false), (damaged, true)]);
    for (damaged, without_checksum) in cases {
        let _ = fs::remove_file(&path);
        let (mut journal, _) = Journal::open(&path, 100).unwrap();
        (1..=4).for_each(|seq| journal.push(item(seq)).unwrap());
        let content = fs::read_to_string(&path).unwrap();
        let line = content.lines().nth(damaged as usize - 1).unwrap();
        let spoilt = if without_checksum { line[9..].into() } else { line.replace("up", "uq") };
        let content = content.replace(line, &spoilt);
        fs::write(&path, &content).unwrap();
        let (journal, damage) = Journal::open(&path, 100).unwrap();
        let note = Dropped { boot_id: BOOT.into(), first: damaged, last: damaged };
        let mut expected: Vec<Delivery> = (1..=4).map(item).collect();
        expected[damaged as usize - 1] = Delivery::Dropped(note);
        assert_eq!(kept(&journal), expected);
        let lines = Some((damaged as usize, 1));
        assert_eq!(damage, Damage { cut_off: false, lines, missing: 1 });
        let beside = folder.path().join("spool.damaged");
        assert_eq!(fs::read_to_string(beside).unwrap(), content);
    }
}

#[test]
fn no_flipped_bit_goes_unnoticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool");
    let (mut journal, _) = Journal::open(&path, 100).unwrap();
    (1..=4).for_each(|seq| journal.push(item(seq)).unwrap());
    let whole = fs::read(&path).unwrap();
    for bit in 0..whole.len() * 8 {
        let mut content = whole.clone();
        content[bit / 8] ^= 1 << (bit % 8);
        let (spool, damage) = replay(&content, 100);
        assert_ne!(damage, Damage::default(), "bit {bit}");
        // What is there is right.
        for result in spool.items().filter(|kept| matches!(kept, Delivery::Result(_))) {
            assert_eq!(*result, item(result.numbers().0), "bit {bit}");
        }
    }
}

#[test]
fn a_missing_first_line_of_a_file_written_anew_shows_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool");
    let (mut journal, _) = Journal::open(&path, 100).unwrap();
    (1..=9).for_each(|seq| journal.push(item(seq)).unwrap());
    journal.acked(&Ack { boot_id: BOOT.into(), seq: 5 }).unwrap();
    drop(Journal::open(&path, 100).unwrap());
    let content = fs::read_to_string(&path).unwrap().replace("\"seq\":6", "\"seq\":66");
    fs::write(&path, content).unwrap();
    let (journal, damage) = Journal::open(&path, 100).unwrap();
    let note = Dropped { boot_id: BOOT.into(), first: 6, last: 6 };
    assert_eq!(kept(&journal), [Delivery::Dropped(note), item(7), item(8), item(9)]);
    assert_eq!(damage.missing, 1);
}

#[test]
fn the_file_does_not_grow_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool");
    let (mut journal, _) = Journal::open(&path, 100).unwrap();
    for seq in 1..=5000 {
        journal.push(item(seq)).unwrap();
        journal.acked(&Ack { boot_id: BOOT.into(), seq }).unwrap();
    }
    let lines = fs::read_to_string(&path).unwrap().lines().count();
    assert!(lines <= SLACK_LINES + 2, "{lines}");
}

#[test]
fn nor_does_it_while_nothing_is_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spool");
    let (mut journal, _) = Journal::open(&path, 10).unwrap();
    let mut longest = 0;
    for seq in 1..=10_000 {
        journal.push(item(seq)).unwrap();
        longest = longest.max(fs::metadata(&path).unwrap().len());
    }
    // Ten results are kept, and one note.
    let held = fs::read(&path).unwrap().len() as u64 / journal.lines as u64 * 12;
    assert!(longest < 2 * held + SLACK_BYTES + 1000, "{longest} bytes for {held}");
}
