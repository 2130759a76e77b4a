//! The monitor under load: a thousand services a second, for ten minutes.
//!
//! ```text
//! cargo bench -p monitor --bench soak
//! cargo bench -p monitor --bench soak -- --minutes 1 --services 5000 --interval 5s --silent 0
//! ```
//!
//! Prints how late checks begin (of those that are answered, and of those that
//! are not), and the monitor's share of a core, memory, threads and
//! descriptors as time goes by. The echo service that is watched runs in this
//! process, and so does not count.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use logic::units;
use serde_json::Value;

/// Watch many services with the monitor, and watch the monitor
#[derive(Parser)]
struct Args {
    /// So many services
    #[arg(long, default_value_t = 1000)]
    services: usize,
    /// Of which so many are silent
    #[arg(long, default_value_t = 200)]
    silent: usize,
    /// Each checked so often; the timeout is as long, or a second
    #[arg(long, default_value = "1s", value_parser = units::positive_duration)]
    interval: Duration,
    /// For so long
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// What `cargo bench` says to every bench
    #[arg(long, hide = true)]
    bench: bool,
}

/// The figures of a process, from /proc.
struct Figures {
    cpu: Duration,
    rss_kib: u64,
    threads: usize,
    descriptors: usize,
}

impl Figures {
    fn of(process: u32) -> Figures {
        let folder = format!("/proc/{process}");
        let stat = fs::read_to_string(format!("{folder}/stat")).unwrap_or_default();
        // The name of the program, in parentheses, may hold anything; then the
        // 12th and 13th fields are the ticks in user and in kernel mode.
        let fields: Vec<&str> =
            stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |field: usize| fields.get(field).and_then(|n| n.parse().ok()).unwrap_or(0u64);
        let status = fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let entries =
            |name: &str| fs::read_dir(Path::new(&folder).join(name)).map_or(0, Iterator::count);
        Figures {
            // A tick is a hundredth of a second on every Linux there is.
            cpu: Duration::from_millis(10 * (ticks(11) + ticks(12))),
            rss_kib: rss.and_then(|rss| rss.split_whitespace().next()?.parse().ok()).unwrap_or(0),
            threads: entries("task"),
            descriptors: entries("fd"),
        }
    }
}

fn main() {
    let args = Args::parse();
    let (echo, hole) =
        (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let config = std::env::temp_dir().join(format!("soak-{}.toml", std::process::id()));
    fs::write(&config, file(&args, &echo, &hole)).unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, client)) = echo.recv_from(&mut buffer) {
            let _ = echo.send_to(&buffer[..length], client);
        }
    });
    let mut monitor = Command::new(env!("CARGO_BIN_EXE_monitor"))
        .args(["run", "--json"])
        .arg(&config)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    watch(&args, &mut monitor);
    let _ = monitor.wait();
    let _ = fs::remove_file(config);
    drop(hole);
}

/// Every service echoes, but for the silent ones, which are spread among them.
fn file(args: &Args, echo: &UdpSocket, hole: &UdpSocket) -> String {
    let port = |socket: &UdpSocket| socket.local_addr().unwrap().port();
    let interval = args.interval.as_millis();
    let timeout = interval.min(1000);
    let mut text = format!("[defaults]\ninterval = \"{interval}ms\"\ntimeout = \"{timeout}ms\"\n");
    for n in 0..args.services {
        let silent = n * args.silent / args.services != (n + 1) * args.silent / args.services;
        let (name, port) = if silent { ("silent", port(hole)) } else { ("echo", port(echo)) };
        text += &format!("[[service]]\nname = \"{name} {n}\"\ncheck = \"echo 127.0.0.1 {port}\"\n");
    }
    text
}

fn watch(args: &Args, monitor: &mut Child) {
    let process = monitor.id();
    let (sender, lines) = mpsc::channel();
    let stdout = monitor.stdout.take().unwrap();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let (mut late, mut late_silent, mut not_run) = (Vec::new(), Vec::new(), 0u64);
    let began = Instant::now();
    let end = Duration::from_secs_f64(args.minutes * 60.0);
    let every = (end / 10).clamp(Duration::from_secs(2), Duration::from_secs(60));
    let (mut next, mut before) = (every, Figures::of(process));
    println!("   time   results   CPU    RSS  threads  descriptors");
    while began.elapsed() < end {
        match lines.recv_timeout(Duration::from_millis(100)) {
            Ok(line) => {
                let event: Value = serde_json::from_str(&line).unwrap_or_default();
                match event["event"].as_str() {
                    Some("result") => {
                        let silent =
                            event["service"].as_str().is_some_and(|s| s.starts_with("silent"));
                        let list = if silent { &mut late_silent } else { &mut late };
                        list.extend(event["late_ms"].as_f64());
                    }
                    Some("skipped") => not_run += event["checks"].as_u64().unwrap_or(0),
                    _ => {}
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if began.elapsed() >= next {
            let now = Figures::of(process);
            let share = (now.cpu.saturating_sub(before.cpu)).as_secs_f64() / every.as_secs_f64();
            println!(
                "{:6.0}s {:9} {:4.0}% {:4.1}M {:8} {:12}",
                began.elapsed().as_secs_f64(),
                late.len() + late_silent.len(),
                100.0 * share,
                now.rss_kib as f64 / 1024.0,
                now.threads,
                now.descriptors
            );
            (before, next) = (now, next + every);
        }
    }
    let all = Figures::of(process).cpu.as_secs_f64() / began.elapsed().as_secs_f64();
    // SIGKILL: everything there is to know is known.
    let _ = monitor.kill();
    println!("late: {}", percentiles(&mut late));
    println!("late, silent ones: {}", percentiles(&mut late_silent));
    println!("not run: {not_run}; {:.0}% of a core on the average", 100.0 * all);
}

fn percentiles(late: &mut [f64]) -> String {
    late.sort_by(f64::total_cmp);
    let Some(worst) = late.last() else { return "none".to_string() };
    let at = |share: f64| late[((late.len() as f64 * share) as usize).min(late.len() - 1)];
    format!(
        "{} checks, median {:.2} ms, 99% {:.2} ms, 99.9% {:.2} ms, worst {worst:.2} ms",
        late.len(),
        at(0.5),
        at(0.99),
        at(0.999)
    )
}
