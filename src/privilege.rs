//! What lets a program have a raw socket, in words: the ways there are on this very system.

use std::fs;

/// What the ways depend on.
#[derive(Debug, Clone)]
pub struct Mends {
    /// The program with its path: `sudo` looks for it in a PATH of its own,
    /// where neither Cargo nor its programs are.
    program: String,
    /// The arguments with which it was called.
    args: Vec<String>,
    /// `net.ipv4.ping_group_range`, the groups that may have a datagram socket
    /// for ICMP, and the group that this process runs as.
    ping_groups: Option<(String, u32)>,
    /// What keeps an ordinary user from a network namespace of his own, as
    /// sysctl(8) would lift it.
    no_namespaces: Option<&'static str>,
}

impl Mends {
    /// Those of this system, for this process.
    pub fn here() -> Mends {
        let mut words = std::env::args();
        let typed = words.next().unwrap_or_default();
        let range = fs::read_to_string("/proc/sys/net/ipv4/ping_group_range").ok();
        Mends {
            program: std::env::current_exe().map_or(typed, |path| path.display().to_string()),
            args: words.collect(),
            ping_groups: range.zip(own_group()),
            no_namespaces: FORBIDS_NAMESPACES
                .into_iter()
                .find(|(file, value, _)| {
                    fs::read_to_string(file).is_ok_and(|found| found.trim() == *value)
                })
                .map(|(_, _, mend)| mend),
        }
    }

    /// Each way to a raw socket, in one line.
    pub fn for_a_raw_socket(&self) -> String {
        self.either("")
    }

    /// Each way to a raw socket or to a datagram socket for ICMP, in one line.
    pub fn for_an_icmp_socket(&self) -> String {
        let Some((range, group)) = &self.ping_groups else {
            return self.either("");
        };
        let range = range.split_whitespace().collect::<Vec<_>>().join(" ");
        self.either(&format!(
            "or, as net.ipv4.ping_group_range is \"{range}\" and your group {group}: \
             sudo sysctl net.ipv4.ping_group_range=\"{group} {group}\"; "
        ))
    }

    fn either(&self, between: &str) -> String {
        let Mends { program, args, .. } = self;
        let command = args.iter().fold(program.clone(), |line, word| line + " " + word);
        let namespace = match self.no_namespaces {
            None => format!("unshare -rn sh -c 'ip link set lo up; {command}'"),
            Some(mend) => format!("unshare -rn, which is not allowed here until: {mend}"),
        };
        format!(
            "any of these mends it: sudo {command}; or once: sudo setcap cap_net_raw+ep {program}; \
             {between}or without root, for loopback alone: {namespace}"
        )
    }
}

/// Where and how a system forbids namespaces to ordinary users (Debian until
/// 10, Ubuntu from 23.10 on, and any administrator), and what allows them.
const FORBIDS_NAMESPACES: [(&str, &str, &str); 3] = [
    (
        "/proc/sys/kernel/unprivileged_userns_clone",
        "0",
        "sudo sysctl kernel.unprivileged_userns_clone=1",
    ),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    ("/proc/sys/user/max_user_namespaces", "0", "sudo sysctl user.max_user_namespaces=10000"),
];

/// The group that this process runs as (proc(5), `/proc/self/status`).
fn own_group() -> Option<u32> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Gid:"))?;
    // Real, effective, saved, and file-system group.
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mends() -> Mends {
        Mends {
            program: "/lab/icmp_ping".to_string(),
            args: vec!["-n".to_string(), "3".to_string(), "::1".to_string()],
            ping_groups: Some(("1\t0\n".to_string(), 1000)),
            no_namespaces: None,
        }
    }

    #[test]
    fn every_way_can_be_typed_as_it_stands() {
        let text = mends().for_an_icmp_socket();
        for way in [
            "sudo /lab/icmp_ping -n 3 ::1;",
            "sudo setcap cap_net_raw+ep /lab/icmp_ping;",
            "as net.ipv4.ping_group_range is \"1 0\" and your group 1000: sudo sysctl \
             net.ipv4.ping_group_range=\"1000 1000\";",
            "unshare -rn sh -c 'ip link set lo up; /lab/icmp_ping -n 3 ::1'",
        ] {
            assert!(text.contains(way), "{way:?} is not in {text}");
        }
        assert!(!mends().for_a_raw_socket().contains("ping_group_range"));
    }

    #[test]
    fn where_namespaces_are_forbidden_the_mend_says_what_allows_them() {
        let ubuntu = FORBIDS_NAMESPACES[1].2;
        let text = Mends { no_namespaces: Some(ubuntu), ..mends() }.for_a_raw_socket();
        assert!(!text.contains("unshare -rn sh"), "{text}");
        assert!(text.contains("apparmor_restrict_unprivileged_userns=0"), "{text}");
    }
}
