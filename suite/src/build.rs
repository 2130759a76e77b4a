//! Has Cargo build the tests, and finds out which there are.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;

use crate::job::{Binary, Job, LOOK};
use crate::processes;

/// What there is to run, and Cargo's target folder.
pub struct Built {
    pub jobs: Vec<Job>,
    pub target: PathBuf,
}

/// Builds; `choice` is what each binary is told, to choose among its tests.
pub fn build(
    cargo_arguments: &[String],
    choice: &[String],
    stopped: &AtomicBool,
) -> Result<Built, String> {
    // Of all packages, unless some are chosen.
    let chosen =
        |argument: &String| argument.starts_with("-p") || argument.starts_with("--package");
    let all = (!cargo_arguments.iter().any(chosen)).then_some("--workspace");
    let mut command = cargo();
    command
        .args(["test", "--no-run", "--quiet", "--message-format=json-render-diagnostics"])
        .args(all)
        .args(cargo_arguments);
    let messages = said(&mut command, stopped)?;
    let binaries: Vec<Arc<Binary>> = messages.lines().filter_map(binary).map(Arc::new).collect();
    let program = binaries.first().ok_or("there is nothing to test")?;
    // target/debug/deps/NAME
    let target = program.program.ancestors().nth(3).unwrap_or(Path::new("target")).to_path_buf();
    let mut jobs = Vec::new();
    for binary in &binaries {
        let tests = list(binary, choice)?;
        jobs.extend(tests.into_iter().map(|test| Job::new(Arc::clone(binary), test)));
    }
    if cargo_arguments.is_empty() && choice.is_empty() {
        jobs.push(Job::documentation());
    }
    Ok(Built { jobs, target })
}

/// What a command prints. It is ended when we are told to stop.
fn said(command: &mut Command, stopped: &AtomicBool) -> Result<String, String> {
    let failed = |why: io::Error| format!("cannot run cargo: {why}");
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = processes::in_a_group(command).spawn().map_err(failed)?;
    let stdout = child.stdout.take();
    let reader = std::thread::spawn(move || stdout.map_or(Ok(String::new()), io::read_to_string));
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if stopped.load(Ordering::SeqCst) {
            processes::kill_group(&child);
        }
        std::thread::sleep(LOOK);
    };
    if !status.success() {
        return Err("the tests are not built".to_string());
    }
    reader.join().unwrap_or_else(|_| Ok(String::new())).map_err(failed)
}

/// The Cargo that runs us, if one does. What it has told us of our own package
/// is no business of a further one: crates whose build scripts look at that
/// would be built anew.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let of_a_package = ["CARGO_PKG_", "CARGO_MANIFEST_"];
        if of_a_package.iter().any(|begin| name.to_string_lossy().starts_with(begin)) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// The test binary that one of Cargo's messages is about.
fn binary(message: &str) -> Option<Binary> {
    let message: Value = serde_json::from_str(message).ok()?;
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let manifest = Path::new(message["manifest_path"].as_str()?);
    let folder = manifest.parent()?.to_path_buf();
    // As a path from here, where the workspace is: monitor/tests/agents.
    let package = folder.strip_prefix(std::env::current_dir().ok()?).unwrap_or(&folder);
    let target = &message["target"];
    let (kind, name) = (target["kind"][0].as_str()?, target["name"].as_str()?);
    let name = match kind {
        "test" => package.join("tests").join(name),
        "bin" => package.join("src/bin").join(name),
        _ => package.join("src"),
    };
    Some(Binary {
        name: name.display().to_string(),
        program: message["executable"].as_str()?.into(),
        folder,
    })
}

/// The names of a binary's tests.
fn list(binary: &Binary, choice: &[String]) -> Result<Vec<String>, String> {
    let failed = |why: &str| format!("{} does not list its tests: {why}", binary.name);
    let output = Command::new(&binary.program)
        .args(["--list", "--format", "terse"])
        .args(choice)
        .current_dir(&binary.folder)
        .output()
        .map_err(|why| failed(&why.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_string).collect())
}
