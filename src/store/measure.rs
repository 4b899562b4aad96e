//! Wall clock and memory, for manifests only: no result depends on them.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time now in UTC, e.g. `2026-08-17T09:05:00Z` (RFC 3339).
#[must_use]
pub fn now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    rfc3339(seconds)
}

/// Seconds since 1970 as RFC 3339. Days become a date as in `civil_from_days` of Hinnant, "chrono-Compatible Low-Level
/// Date Algorithms": twelve lines, where a crate would bring time zones and formats that nobody needs here.
fn rfc3339(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Largest resident memory of this process since the last [`reset_peak_memory`], in bytes; Linux only.
#[must_use]
pub fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Memory this process can still get, in bytes: what the machine, its control group and its own limit leave. Linux
/// only.
#[must_use]
pub fn available_memory_bytes() -> Option<u64> {
    let machine = kilobytes(&read("/proc/meminfo")?, "MemAvailable:");
    let group = || Some(group("memory.max")?.saturating_sub(group("memory.current")?));
    let limit = || Some(limit()?.saturating_sub(kilobytes(&read("/proc/self/status")?, "VmSize:")?));
    [machine, group(), limit()].into_iter().flatten().min()
}

/// Memory this process can get if it is alone, in bytes: what the machine has, swap included, and what its control
/// group and its own limit allow. Linux only.
#[must_use]
pub fn total_memory_bytes() -> Option<u64> {
    let info = read("/proc/meminfo")?;
    let machine = kilobytes(&info, "MemTotal:")? + kilobytes(&info, "SwapTotal:").unwrap_or(0);
    [Some(machine), group("memory.max"), limit()].into_iter().flatten().min()
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// A number of kB, as bytes.
fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// A number of this process's control group; `None` if there is no limit.
fn group(file: &str) -> Option<u64> {
    let own = read("/proc/self/cgroup")?.lines().find_map(|line| line.strip_prefix("0::").map(str::to_owned))?;
    read(&format!("/sys/fs/cgroup{own}/{file}"))?.trim().parse::<u64>().ok()
}

/// This process's own limit.
fn limit() -> Option<u64> {
    let limits = read("/proc/self/limits")?;
    let most = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    most.split_whitespace().next()?.parse().ok()
}

/// Starts a new measurement of the peak. Linux only; where it is refused, the peak of the whole process is reported.
pub fn reset_peak_memory() {
    // proc(5): writing 5 to clear_refs resets VmHWM to the current resident size.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Witness: Python 3.13 `datetime.fromtimestamp(t, timezone.utc).isoformat()`.
    #[test]
    fn dates_equal_pythons() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_787_000_000, "2026-08-17T20:53:20Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_is_at_least_a_mebibyte() {
        reset_peak_memory();
        assert!(peak_memory_bytes().unwrap() > 1 << 20);
        assert!(available_memory_bytes().unwrap() > 1 << 20);
        assert!(total_memory_bytes().unwrap() >= peak_memory_bytes().unwrap());
    }
}
