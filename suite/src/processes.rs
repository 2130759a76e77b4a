//! Processes that end when they are told to, with all that they started.

#[cfg(unix)]
pub use unix::*;

#[cfg(unix)]
mod unix {
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};
    use std::time::Duration;

    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::signal::{Signal, kill, killpg};
    use nix::sys::time::TimeValLike;
    use nix::sys::wait::waitpid;
    use nix::unistd::Pid;
    use signal_hook::consts;

    /// What may be sent to end us.
    pub const SIGNALS: [i32; 3] = [consts::SIGINT, consts::SIGQUIT, consts::SIGTERM];

    /// To be started as the first of a group of processes.
    pub fn in_a_group(command: &mut Command) -> &mut Command {
        command.process_group(0)
    }

    pub fn kill_group(child: &Child) {
        // Nobody may be left in it.
        let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
    }

    /// Whoever loses their parent becomes our child, on Linux; elsewhere they
    /// are lost.
    pub fn adopt_orphans() {
        #[cfg(target_os = "linux")]
        let _ = nix::sys::prctl::set_child_subreaper(true);
    }

    /// The processor time of all children that have ended.
    pub fn computed() -> Option<Duration> {
        let usage = getrusage(UsageWho::RUSAGE_CHILDREN).ok()?;
        let times = [usage.user_time(), usage.system_time()];
        let micros = times.map(|time| time.num_microseconds().unsigned_abs());
        Some(Duration::from_micros(micros.iter().sum()))
    }

    /// Ends all children and what they leave behind. Only once nobody waits
    /// for one of them.
    pub fn end_children() {
        let own = format!("/proc/self/task/{}/children", std::process::id());
        loop {
            // Their own children come to us when they are gone.
            let children = std::fs::read_to_string(&own).unwrap_or_default();
            let pids = children.split_whitespace().filter_map(|pid| pid.parse().ok());
            let pids: Vec<Pid> = pids.map(Pid::from_raw).collect();
            for pid in &pids {
                let _ = kill(*pid, Signal::SIGKILL);
            }
            for pid in &pids {
                let _ = waitpid(*pid, None);
            }
            if pids.is_empty() {
                return;
            }
        }
    }
}

#[cfg(not(unix))]
pub use elsewhere::*;

#[cfg(not(unix))]
mod elsewhere {
    use std::process::{Child, Command};

    pub const SIGNALS: [i32; 2] = [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM];

    pub fn in_a_group(command: &mut Command) -> &mut Command {
        command
    }

    pub fn kill_group(_child: &Child) {}
    pub fn adopt_orphans() {}
    pub fn end_children() {}

    pub fn computed() -> Option<std::time::Duration> {
        None
    }
}
