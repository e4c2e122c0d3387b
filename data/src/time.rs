//! Times as milliseconds since 1970, and as text.

/// The moment of `2014-07-27T20:34:47Z`, also with a fraction of a second, with `+02:00` for `Z`, or in the older
/// form `2014-07-27 20:34:47` (UTC). `None` where the text is no such moment.
pub(crate) fn parse_utc(text: &str) -> Option<i64> {
    let (date, clock) = (text.get(..10)?, text.get(11..)?);
    if !matches!(text.as_bytes().get(10), Some(b'T' | b' ')) {
        return None;
    }
    let mut parts = date.splitn(3, '-').map(digits);
    let days = days_since_1970(parts.next()??, parts.next()??, parts.next()??)?;
    let (time, rest) = (clock.get(..8)?, clock.get(8..)?);
    let mut parts = time.splitn(3, ':').map(digits);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    // A leap second (60) is counted as the second after it.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let (fraction_ms, zone) = fraction(rest)?;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + fraction_ms - offset_ms(zone)?)
}

/// The date of a moment, as `2014-07-27`.
pub(crate) fn date_of(ms: i64) -> String {
    let days = ms.div_euclid(86_400_000) + 719_468;
    // The inverse of `days_since_1970`: eras of 400 years, years that begin in March.
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = (era * 400 + year_of_era, if month < 10 { month + 3 } else { month - 9 });
    format!("{:04}-{month:02}-{day:02}", year + i64::from(month <= 2))
}

/// A moment to the second, as `2014-07-27T20:34:47Z`.
pub(crate) fn utc_text(ms: i64) -> String {
    let seconds = ms.div_euclid(1000).rem_euclid(86_400);
    format!("{}T{:02}:{:02}:{:02}Z", date_of(ms), seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn digits(text: &str) -> Option<i64> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar; `None` for a day that does not exist.
pub(crate) fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years that begin in March put the leap day last, so that months have a closed form.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    Some(365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year - 719_468)
}

/// Splits `.123Z` into 123 ms and `Z`.
fn fraction(rest: &str) -> Option<(i64, &str)> {
    let Some(rest) = rest.strip_prefix('.') else { return Some((0, rest)) };
    let length = rest.bytes().take_while(u8::is_ascii_digit).count();
    let thousandths: String = rest[..length].chars().chain("000".chars()).take(3).collect();
    if length == 0 { None } else { Some((digits(&thousandths)?, &rest[length..])) }
}

fn offset_ms(zone: &str) -> Option<i64> {
    let sign = match zone.as_bytes().first() {
        None => return Some(0),
        Some(b'Z') if zone.len() == 1 => return Some(0),
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ => return if zone == " UTC" { Some(0) } else { None },
    };
    let (hours, minutes) = (digits(zone.get(1..3)?)?, digits(zone.get(zone.len() - 2..)?)?);
    let well_formed = matches!(zone.len(), 5) || (zone.len() == 6 && zone.as_bytes()[3] == b':');
    (well_formed && hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_calendar() {
        // date -u -d '...' +%s
        assert_eq!(parse_utc("2014-07-27T20:34:47Z"), Some(1_406_493_287_000));
        assert_eq!(parse_utc("2014-07-27 20:34:47"), Some(1_406_493_287_000));
        assert_eq!(parse_utc("2014-07-27 20:34:47 UTC"), Some(1_406_493_287_000));
        assert_eq!(parse_utc("2014-07-27T20:34:47.25Z"), Some(1_406_493_287_250));
        assert_eq!(parse_utc("2014-07-27T22:34:47+02:00"), Some(1_406_493_287_000));
        assert_eq!(parse_utc("2024-02-29T00:00:00Z"), Some(1_709_164_800_000));
        assert_eq!(parse_utc("1969-12-31T23:59:59Z"), Some(-1000));
    }

    #[test]
    fn dates_are_read_as_they_are_written() {
        for day in -200_000..200_000 {
            let date = date_of(day * 86_400_000 + 1);
            assert_eq!(parse_utc(&format!("{date}T00:00:00Z")), Some(day * 86_400_000), "{date}");
        }
        assert_eq!(date_of(1_406_493_287_000), "2014-07-27");
        assert_eq!(utc_text(1_406_493_287_999), "2014-07-27T20:34:47Z");
        assert_eq!(utc_text(-1), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "yesterday",
            "2014-07-27",
            "2014-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2014-07-27T24:00:00Z",
            "2014-07-27T20:34:47Zebra",
            "2014-07-27T20:34:47+2",
            "2014-07-27T20:34:4é",
            "2014-07-+7T20:34:47Z",
            "１２３４-07-27T20:34:47Z",
        ] {
            assert_eq!(parse_utc(text), None, "{text}");
        }
    }
}
