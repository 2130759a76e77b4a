//! A real Prometheus, and its own judgement of the page.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::time::Instant;

use serde_json::Value;

use crate::common::{DEADLINE, Running, lacks, skip};
use crate::{Folder, MONITOR, event, metrics, metrics_at};

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn watched() -> (Running, std::net::SocketAddr) {
    let mut monitor = Running::start(MONITOR, &["run", "--json", "--metrics", "127.0.0.1:0"]);
    let start = event(&mut monitor, |event| event["event"] == "start");
    for _ in 0..7 {
        event(&mut monitor, |event| event["event"] == "result");
    }
    (monitor, metrics_at(&start))
}

#[test]
fn promtool_has_nothing_to_say_against_the_page() {
    if let Some(why) = lacks(&["promtool"]) {
        return skip("promtool_has_nothing_to_say_against_the_page", &why);
    }
    let (_monitor, at) = watched();
    let answer = metrics::get(at, "/metrics");
    let (_, page) = answer.split_once("\r\n\r\n").unwrap();
    let mut promtool = crate::common::tool("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn a_prometheus_scrapes_the_page() {
    if let Some(why) = lacks(&["prometheus", "curl"]) {
        return skip("a_prometheus_scrapes_the_page", &why);
    }
    let (_monitor, at) = watched();
    let folder = Folder::new();
    let config = format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n\
         - {{job_name: monitor, static_configs: [{{targets: ['{at}']}}]}}\n"
    );
    fs::write(folder.path("prometheus.yml"), config).unwrap();
    // A port that is free now; who takes it in between makes the test fail, and says so.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let log = fs::File::create(folder.path("log")).unwrap();
    let prometheus = crate::common::tool("prometheus")
        .arg(format!("--config.file={}", folder.path("prometheus.yml")))
        .arg(format!("--storage.tsdb.path={}", folder.path("tsdb")))
        .arg(format!("--web.listen-address={free}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .unwrap();
    let _prometheus = Killed(prometheus);
    let began = Instant::now();
    loop {
        let url = format!("http://{free}/api/v1/query");
        let query = "query=probe_success{service=\"lab web\"}";
        let output = crate::common::tool("curl")
            .args(["-sS", "--noproxy", "*", "-m", "20", "-G", &url, "--data-urlencode", query])
            .output()
            .unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        if answer["data"]["result"][0]["value"][1] == "1" {
            assert_eq!(answer["data"]["result"][0]["metric"]["type"], "http");
            return;
        }
        let log = fs::read_to_string(folder.path("log")).unwrap();
        assert!(began.elapsed() < DEADLINE, "{answer} {log}");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
}
