//! Which process of which machine this is, and whether another one still lives.

use serde::{Deserialize, Serialize};

/// A process, told from every other one that is or was, as far as the system lets us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Name of the machine, for people.
    pub host: String,
    /// Process id. Two machines, or two containers of one machine, may both have it.
    pub pid: u32,
    /// Names one start of one machine; Linux only.
    pub boot: Option<String>,
    /// Names the process space, e.g. of a container: ids of others mean other processes; Linux only.
    pub space: Option<String>,
    /// When the process started, in clock ticks after the boot: an id may be given again; Linux only.
    pub started: Option<u64>,
}

impl Process {
    /// This process.
    pub(super) fn this() -> Self {
        let pid = std::process::id();
        let link = std::fs::read_link("/proc/self/ns/pid").ok();
        Self {
            host: host(),
            pid,
            boot: std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok().map(|id| id.trim().to_owned()),
            space: link.map(|link| link.to_string_lossy().into_owned()),
            started: stat(pid).map(|(_, started)| started),
        }
    }

    /// Whether it lives; `None` if that cannot be told from here.
    pub(in crate::store) fn lives(&self) -> Option<bool> {
        let here = Self::this();
        let same_machine = self.boot.is_some() && self.boot == here.boot;
        if !same_machine || self.space.is_none() || self.space != here.space || here.started.is_none() {
            return None;
        }
        // A zombie is dead: its parent has not asked for its end yet.
        let lives = |(state, started): (char, u64)| !matches!(state, 'Z' | 'X') && Some(started) == self.started;
        Some(stat(self.pid).is_some_and(lives))
    }
}

/// State and start time of a process; proc(5): fields 3 and 22 of `stat`. The second field, the name of the program,
/// may hold anything.
fn stat(pid: u32) -> Option<(char, u64)> {
    let text = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&text);
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.chars().next()?, fields.nth(18)?.parse().ok()?))
}

/// The machine's name, as its system or its environment tells it.
fn host() -> String {
    let told = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let variable = || ["HOSTNAME", "COMPUTERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    told.or_else(variable).map_or_else(|| "unknown".to_owned(), |name| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_dead_process_is_told_from_a_living_one_and_from_one_elsewhere() {
        let this = Process::this();
        assert_eq!(this.lives(), Some(true));
        let later = Process { started: this.started.map(|ticks| ticks + 1), ..this.clone() };
        assert_eq!(later.lives(), Some(false), "the id was given again");
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let other = Process { pid: child.id(), started: stat(child.id()).map(|(_, ticks)| ticks), ..this.clone() };
        assert_eq!(other.lives(), Some(true));
        child.kill().unwrap();
        // Not waited for yet: it is a zombie.
        while other.lives() == Some(true) {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert_eq!(other.lives(), Some(false));
        for elsewhere in [
            Process { boot: Some("other".into()), ..other.clone() },
            Process { space: Some("other".into()), ..other.clone() },
            Process { boot: None, ..other },
        ] {
            assert_eq!(elsewhere.lives(), None);
        }
    }
}
