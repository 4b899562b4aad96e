//! Numbers, times and sizes.

/// A number as people write it in a file: `0.5`, `1e-4`, `400`.
#[must_use]
pub fn number(value: f64) -> String {
    let magnitude = value.abs();
    if value.is_finite() && value != 0.0 && !(1e-3..1e6).contains(&magnitude) {
        format!("{value:e}")
    } else {
        format!("{value}")
    }
}

/// A measured number with four significant digits, without an exponent for everyday sizes: `0.1235`, `12.35`.
#[must_use]
pub fn measurement(value: f64) -> String {
    if !value.is_finite() {
        return "not a number".to_owned();
    }
    if value < 0.0 {
        return format!("−{}", measurement(-value));
    }
    let magnitude = value;
    if magnitude != 0.0 && !(1e-4..1e6).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = match magnitude {
        m if m >= 1000.0 => 0,
        m if m >= 100.0 => 1,
        m if m >= 10.0 => 2,
        m if m >= 1.0 => 3,
        _ => 4,
    };
    format!("{value:.decimals$}")
}

/// Seconds, e.g. `0.8 s`, `42 s`, `2 min 5 s`, `1 h 12 min`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    let seconds = if seconds.is_finite() { seconds.max(0.0) } else { 0.0 };
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 if whole.is_multiple_of(60) => format!("{} min", whole / 60),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A size, e.g. `512 B`, `3.2 MB`, `11.9 GB` (decimal units, as disks and the Hub count).
#[must_use]
pub fn bytes(count: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let (mut value, mut unit) = (count as f64, 0);
    while value >= 999.95 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", units[unit]) }
}

/// Seconds of an estimate, which is not known more exactly: `40 s`, `12 min`, `3.5 h`.
#[must_use]
pub fn rough_duration(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{:.0} s", s.max(1.0)),
        s if s < 90.0 * 60.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// A size of an estimate, which is not known more exactly: `300 kB`, `12 MB`, `1.2 GB`.
#[must_use]
pub fn rough_bytes(count: u64) -> String {
    match count as f64 {
        b if b < 1e6 => format!("{:.0} kB", (b / 1e3).max(1.0)),
        b if b < 1e9 => format!("{:.0} MB", b / 1e6),
        b => format!("{:.1} GB", b / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        let texts = [0.5, 1e-4, 2.5e-5, 0.001, 400.0, 1e6, -1e-4, 0.0].map(number);
        assert_eq!(texts, ["0.5", "1e-4", "2.5e-5", "0.001", "400", "1e6", "-1e-4", "0"]);
    }

    #[test]
    fn measurements_have_four_digits() {
        let texts = [0.0, -0.01, 0.123_456, 1.234_56, 12.345, 123.45, 1234.5, 1e-5, f64::NAN].map(measurement);
        assert_eq!(
            texts,
            ["0.0000", "−0.0100", "0.1235", "1.235", "12.35", "123.5", "1234", "1.000e-5", "not a number"]
        );
    }

    #[test]
    fn times_and_sizes_read_well() {
        let texts = [0.04, 9.94, 9.96, 59.4, 60.0, 125.0, 3599.6, 4320.0, f64::NAN, -1.0].map(duration);
        assert_eq!(
            texts,
            ["0.0 s", "9.9 s", "10 s", "59 s", "1 min", "2 min 5 s", "1 h 0 min", "1 h 12 min", "0.0 s", "0.0 s"]
        );
        assert_eq!(
            [0, 999, 1000, 3_188_736, 999_960_000, u64::MAX].map(bytes),
            ["0 B", "999 B", "1.0 kB", "3.2 MB", "1.0 GB", "18.4 EB"]
        );
    }

    #[test]
    fn estimates_are_rough() {
        let texts = [0.2, 89.0, 600.0, 9000.0].map(rough_duration);
        assert_eq!(texts, ["1 s", "89 s", "10 min", "2.5 h"]);
        let texts = [10, 300_400, 12_300_000, 2_500_000_000].map(rough_bytes);
        assert_eq!(texts, ["1 kB", "300 kB", "12 MB", "2.5 GB"]);
    }
}
