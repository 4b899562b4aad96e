//! What a task may use, in Slurm's own notation.

/// Seconds before the end of the time at which a task is told to write its checkpoint.
const GRACE: u64 = 120;

/// What a task may use. Empty fields are left to the cluster's defaults. In Slurm's own notation.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    /// `--partition`
    pub partition: Option<String>,
    /// `--gres`, e.g. `gpu:1`
    pub gres: Option<String>,
    /// `--time`, e.g. `4:00:00`
    pub time: Option<String>,
    /// `--mem`, e.g. `16G`
    pub mem: Option<String>,
    /// `--cpus-per-task`
    pub cpus: Option<u32>,
    /// At most so many tasks of an array run at a time.
    pub array_limit: Option<u32>,
    /// Other options of `sbatch`, as they are.
    pub others: Vec<String>,
}

impl Resources {
    /// As options of `sbatch`.
    pub(super) fn words(&self) -> Vec<String> {
        let named = [
            ("partition", self.partition.clone()),
            ("gres", self.gres.clone()),
            ("time", self.time.clone()),
            ("mem", self.mem.clone()),
            ("cpus-per-task", self.cpus.map(|cpus| cpus.to_string())),
        ];
        let named = named.into_iter().filter_map(|(name, value)| Some(format!("--{name}={}", value?)));
        named.chain(self.others.iter().cloned()).collect()
    }

    /// Seconds before the end of the time at which a task is told to write its checkpoint: a quarter of a short time.
    /// Slurm looks twice a minute, so it tells up to half a minute earlier.
    pub(super) fn grace(&self) -> u64 {
        let time = self.time.as_deref().and_then(seconds).filter(|seconds| *seconds > 0);
        time.map_or(GRACE, |time| (time / 4).clamp(1, GRACE))
    }
}

/// A time limit in Slurm's notation: `minutes`, `minutes:seconds`, `hours:minutes:seconds`, `days-hours`,
/// `days-hours:minutes`, `days-hours:minutes:seconds`. `None` for anything else, e.g. `UNLIMITED`.
fn seconds(time: &str) -> Option<u64> {
    let (days, rest) = match time.split_once('-') {
        Some((days, rest)) => (Some(days.parse::<u64>().ok()?), rest),
        None => (None, time),
    };
    let parts: Vec<u64> = rest.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [hours, minutes, seconds] = match (days, parts.as_slice()) {
        (None, [minutes]) => [0, *minutes, 0],
        (None, [minutes, seconds]) => [0, *minutes, *seconds],
        (Some(_), [hours]) => [*hours, 0, 0],
        (Some(_), [hours, minutes]) => [*hours, *minutes, 0],
        (_, [hours, minutes, seconds]) => [*hours, *minutes, *seconds],
        _ => return None,
    };
    let hours = days.unwrap_or(0).checked_mul(24)?.checked_add(hours)?;
    hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?.checked_add(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_slurm_reads_them() {
        let read = ["30", "1:30", "4:00:00", "2-0", "1-12:30", "1-0:0:5"].map(seconds);
        assert_eq!(read, [Some(1800), Some(90), Some(14_400), Some(172_800), Some(131_400), Some(86_405)]);
        assert!(["", "UNLIMITED", "1:2:3:4", "-1", "1-", "99999999999999999999"].iter().all(|t| seconds(t).is_none()));
    }

    #[test]
    fn a_short_time_is_not_all_grace() {
        let grace = |time: &str| Resources { time: Some(time.into()), ..Resources::default() }.grace();
        assert_eq!(["1", "4", "4:00:00", "UNLIMITED", "0"].map(grace), [15, 60, 120, 120, 120]);
        assert_eq!(Resources::default().grace(), 120);
    }
}
