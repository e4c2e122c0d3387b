//! How numbers are written.

use std::time::Duration;

use playlist_agents::Estimate;

/// A count with thousands separators: 1,234,567.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A measure with about three figures: 1,235, 12.3, 0.123.
pub fn number(value: f64) -> String {
    match value.abs() {
        size if !size.is_finite() => value.to_string(),
        size if size >= 1000.0 => format!("{}{}", if value < 0.0 { "-" } else { "" }, count(size.round() as u64)),
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A mean with its confidence interval: 1.234 [1.200, 1.268].
pub fn estimate(value: &Estimate) -> String {
    format!("{:.3} [{:.3}, {:.3}]", value.mean, value.low, value.high)
}

/// A share as a percentage: 12.3 %.
pub fn share(value: f64) -> String {
    format!("{:.1} %", 100.0 * value)
}

/// A share that may be unknown.
pub fn optional_share(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), share)
}

/// A length of time: 8 ms, 0.3 s, 12.3 s, 3 min 20 s, 2 h 05 min.
pub fn duration(value: Duration) -> String {
    let seconds = value.as_secs_f64();
    let whole = seconds.round() as u64;
    match whole {
        0 if seconds < 0.1 => format!("{:.0} ms", 1000.0 * seconds),
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// An amount in its unit: 1,234 rows, 12.3 MB.
pub fn size(value: u64, unit: &str) -> String {
    if unit == "bytes" { bytes(value as f64) } else { format!("{} {unit}", count(value)) }
}

/// Work per second: 1,234 rows/s, 12.3 MB/s.
pub fn rate(per_second: f64, unit: &str) -> String {
    if unit == "bytes" { format!("{}/s", bytes(per_second)) } else { format!("{} {unit}/s", number(per_second)) }
}

fn bytes(value: f64) -> String {
    match value {
        1e9.. => format!("{:.2} GB", value / 1e9),
        1e6.. => format!("{:.1} MB", value / 1e6),
        _ => format!("{:.0} kB", value / 1e3),
    }
}

/// A p-value; below one in a thousand, its size does not matter.
pub fn p_value(value: f64) -> String {
    if value < 0.001 { "< 0.001".to_owned() } else { format!("{value:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([1234.6, 123.4, 12.34, 1.234, 0.1234].map(number), ["1,235", "123", "12.3", "1.23", "0.123"]);
        assert_eq!(number(-2000.0), "-2,000");
        assert_eq!((share(0.1234), optional_share(None)), ("12.3 %".into(), "-".into()));
        let of = |seconds| duration(Duration::from_secs_f64(seconds));
        assert_eq!(of(0.0082), "8 ms");
        assert_eq!(
            [0.31, 59.4, 59.7, 200.0, 7500.0].map(of),
            ["0.3 s", "59.4 s", "1 min 00 s", "3 min 20 s", "2 h 05 min"]
        );
        assert_eq!((size(2_500, "rows"), size(2_500_000, "bytes")), ("2,500 rows".into(), "2.5 MB".into()));
        assert_eq!((rate(2_500.0, "rows"), rate(2e9, "bytes")), ("2,500 rows/s".into(), "2.00 GB/s".into()));
    }
}
