//! `--data`: what survives a restart, a crash, and a full disk.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use monitor::lab::Lab;
use monitor::lab::services::Service;
use nix::sys::signal::Signal;

use crate::common::{Running, lacks, program, run, skip, wait_until};
use crate::{Folder, MONITOR, event, files, metrics, metrics_at, service};

const OFTEN: &str = "interval = '200ms'\ntimeout = '200ms'";

/// Starts the monitor with the folder `data`, and waits for `count` results;
/// how many results the uptime rests on then.
fn watched(folder: &Folder, config: &str, count: usize) -> (Running, u64) {
    let data = folder.path("data");
    let args = ["run", config, "--json", "--data", &data, "--metrics", "127.0.0.1:0"];
    let mut monitor = Running::start(MONITOR, &args);
    let start = event(&mut monitor, |event| event["event"] == "start");
    for _ in 0..count {
        event(&mut monitor, |event| event["event"] == "result");
    }
    let page = metrics::get(metrics_at(&start), "/metrics");
    let samples = "monitor_uptime_samples{service=\"a\",type=\"tcp\",window=\"24h\"} ";
    let samples = page.lines().find_map(|line| line.strip_prefix(samples)).unwrap();
    let samples = samples.parse().unwrap();
    (monitor, samples)
}

#[test]
fn the_uptime_survives_a_kill_and_a_torn_line_is_dropped_and_told() {
    let lab = Lab::start([127, 0, 0, 1].into(), 0).unwrap();
    let folder = Folder::new();
    let config = folder.config(&service("a", &format!("tcp {}", lab.address(Service::Tcp)), OFTEN));
    let (monitor, samples) = watched(&folder, &config, 10);
    assert!(samples >= 10);
    monitor.signal(Signal::SIGKILL);
    monitor.end();

    // The results are handed to another thread before they are printed, so
    // that the last of them may be missing; but not more.
    let file = files(&folder.0.join("data")).pop().unwrap();
    let kept = fs::read_to_string(&file).unwrap();
    assert!(kept.lines().count() >= 9 && kept.ends_with('\n'), "{kept}");
    let mut torn = OpenOptions::new().append(true).open(&file).unwrap();
    torn.write_all(b"{\"time\":\"2024-04-20T19:14").unwrap();

    let (monitor, samples) = watched(&folder, &config, 1);
    assert!(samples >= 10, "{samples}");
    let ended = monitor.interrupt();
    assert_eq!(ended.code(), 0);
    let told = ended.stderr.iter().any(|line| line.contains("torn, and its 25 bytes are dropped"));
    assert!(told, "{ended:#?}");
    for file in files(&folder.0.join("data")) {
        for line in fs::read_to_string(file).unwrap().lines() {
            assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
        }
    }
}

#[test]
fn after_sighup_results_go_to_a_new_file() {
    let lab = Lab::start([127, 0, 0, 1].into(), 0).unwrap();
    let folder = Folder::new();
    let config = folder.config(&service("a", &format!("tcp {}", lab.address(Service::Tcp)), OFTEN));
    let (monitor, _) = watched(&folder, &config, 2);
    let data = folder.0.join("data");
    wait_until("results are kept", || results(&data).len() == 1);
    let (file, moved) = (results(&data).pop().unwrap(), folder.0.join("moved-away"));
    fs::rename(&file, &moved).unwrap();
    monitor.signal(Signal::SIGHUP);
    wait_until("a new file is made", || results(&data) == [file.clone()]);
    let before = fs::read_to_string(&moved).unwrap();
    wait_until("results are kept in it", || fs::read_to_string(&file).unwrap().lines().count() > 3);
    assert_eq!(fs::read_to_string(&moved).unwrap(), before);
    assert!(before.ends_with('\n'));
    assert_eq!(monitor.interrupt().code(), 0);
}

/// The files of the days.
fn results(data: &Path) -> Vec<PathBuf> {
    let days = files(data).into_iter();
    days.filter(|path| path.extension().is_some_and(|ending| ending == "jsonl")).collect()
}

#[test]
fn a_folder_of_results_belongs_to_one_monitor() {
    let lab = Lab::start([127, 0, 0, 1].into(), 0).unwrap();
    let folder = Folder::new();
    let config = folder.config(&service("a", &format!("tcp {}", lab.address(Service::Tcp)), OFTEN));
    let (monitor, _) = watched(&folder, &config, 1);
    let data = folder.path("data");
    std::os::unix::fs::symlink(&data, folder.path("link")).unwrap();
    for name in [data, folder.path("link")] {
        let second = run(MONITOR, &["run", &config, "--data", &name]);
        assert_eq!(second.code(), 2);
        assert!(second.stderr[0].contains("another program is using"), "{second:#?}");
    }
    assert_eq!(monitor.interrupt().code(), 0);
}

/// Half a line is what another program may be writing just now.
#[test]
fn whoever_cannot_start_touches_no_results() {
    let folder = Folder::new();
    let config = folder.config(&service("a", "tcp 127.0.0.1 1", OFTEN));
    let kept = folder.path("kept");
    fs::create_dir(&kept).unwrap();
    let today = jiff::Timestamp::now().to_string();
    let paths = [
        format!("{kept}/results-1970-01-01.jsonl"),
        format!("{kept}/results-{}.jsonl", &today[..10]),
    ];
    let half = "{\"time\":\"2024-04-20T19:14";
    paths.iter().for_each(|path| fs::write(path, half).unwrap());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let data = folder.path("data.json");
    let refused = |name: &str, args: &[&str], word: &str| {
        let ended = run(name, args);
        assert_eq!(ended.code(), 2, "{args:?} {ended:#?}");
        assert!(ended.stderr[0].contains(word), "{args:?} {ended:#?}");
        for path in &paths {
            assert_eq!(fs::read_to_string(path).unwrap(), half, "{name} {args:?}");
        }
    };
    let manager = ["--data", &data, "--results", &kept, "--bind"];
    let monitor = ["run", &config, "--data", &kept, "--metrics"];
    refused("monitor_manager", &[&manager[..], &[&taken]].concat(), "address already in use");
    refused(MONITOR, &[&monitor[..], &[&taken]].concat(), "address already in use");
    let lock = File::create(folder.0.join("kept/.lock")).unwrap();
    lock.try_lock().unwrap();
    let using = "another program is using";
    refused("monitor_manager", &[&manager[..], &["127.0.0.1:0"]].concat(), using);
    refused(MONITOR, &[&monitor[..], &["127.0.0.1:0"]].concat(), using);
}

#[test]
fn a_full_disk_is_told_once_and_the_watching_goes_on() {
    const NAME: &str = "a_full_disk_is_told_once_and_the_watching_goes_on";
    if let Some(why) = lacks(&["unshare", "mount", "timeout"]) {
        return skip(NAME, &why);
    }
    let mut mount = crate::common::tool("unshare");
    mount.args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]);
    if !mount.output().is_ok_and(|output| output.status.success()) {
        return skip(NAME, "this user may not mount anything, not even in a namespace of his own");
    }
    let lab = Lab::start([127, 0, 0, 1].into(), 0).unwrap();
    let folder = Folder::new();
    let config = folder.config(&service("a", &format!("tcp {}", lab.address(Service::Tcp)), OFTEN));
    let data = folder.path("data");
    fs::create_dir_all(&data).unwrap();
    // A disk of 64 KiB that is full; when that has been told, there is room
    // again, and when that has been told, the end.
    let script = format!(
        "mount -t tmpfs -o size=64k none {data} && head -c 100000 /dev/zero >{data}/filler 2>/dev/null
        {monitor} run {config} --json --data {data} >{out} 2>{err} &
        until grep -q 'no space left' {err}; do sleep 0.05; done
        lines=$(wc -l <{out})
        until [ $(wc -l <{out}) -gt $((lines + 5)) ]; do sleep 0.05; done
        rm {data}/filler
        until grep -q 'kept again' {err}; do sleep 0.05; done
        kill $!; wait $!; echo ended with $?; cat {data}/*.jsonl",
        monitor = program(MONITOR).display(),
        out = folder.path("out"),
        err = folder.path("err"),
    );
    let mut command = crate::common::tool("timeout");
    command.args(["240", "unshare", "-rm", "--kill-child", "--fork", "sh", "-c", &script]);
    let output = command.output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let told = fs::read_to_string(folder.path("err")).unwrap();
    assert!(stdout.starts_with("ended with 0\n"), "{output:?} {told}");
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(told.contains("no space left on device; results are not kept until"), "{told}");
    for line in stdout.lines().skip(1) {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
    }
}
