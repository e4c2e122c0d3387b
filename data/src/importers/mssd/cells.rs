//! Values of cells, and what is wrong with them.

use std::borrow::Cow;

use crate::importers::row_problem::{RowProblem, shown};
use crate::time::days_since_1970;

/// What is wrong with a cell.
pub(super) fn problem(field: &'static str, expected: impl Into<Cow<'static, str>>, cell: &[u8]) -> RowProblem {
    RowProblem::new(field, expected, shown(&String::from_utf8_lossy(cell)))
}

type Parsed<T> = Result<T, RowProblem>;

/// `true` in the set as published, `True` after a round through pandas, `1` from databases.
pub(super) fn boolean(field: &'static str, cell: &[u8]) -> Parsed<bool> {
    match cell {
        [b't' | b'T', b'r' | b'R', b'u' | b'U', b'e' | b'E'] | b"1" => Ok(true),
        [b'f' | b'F', b'a' | b'A', b'l' | b'L', b's' | b'S', b'e' | b'E'] | b"0" => Ok(false),
        _ => Err(problem(field, "true or false", cell)),
    }
}

/// A whole number without sign.
pub(super) fn whole(field: &'static str, cell: &[u8], least: u32, most: u32) -> Parsed<u32> {
    digits(cell)
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| problem(field, format!("a whole number from {least} to {most}"), cell))
}

/// Days since 1970 of `2018-07-15`, or `7/15/18` or `7/15/2018` (month first), as spreadsheets write it.
pub(super) fn date(field: &'static str, cell: &[u8]) -> Parsed<i64> {
    let parts = |separator: u8| {
        let mut parts = cell.splitn(3, |&byte| byte == separator);
        Some((parts.next()?, parts.next()?, parts.next()?))
    };
    let days = if let Some((year, month, day)) = parts(b'-').filter(|(year, ..)| year.len() == 4) {
        days_of(year, month, day)
    } else if let Some((month, day, year)) = parts(b'/') {
        match year.len() {
            2 => days_of(&[b"20", year].concat(), month, day),
            4 => days_of(year, month, day),
            _ => None,
        }
    } else {
        None
    };
    days.ok_or_else(|| problem(field, "a date such as 2018-07-15 or 7/15/18", cell))
}

fn days_of(year: &[u8], month: &[u8], day: &[u8]) -> Option<i64> {
    days_since_1970(digits(year)?.into(), digits(month)?.into(), digits(day)?.into())
}

/// A number of at most nine digits.
fn digits(cell: &[u8]) -> Option<u32> {
    if cell.is_empty() || cell.len() > 9 {
        return None;
    }
    cell.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u32::from(byte - b'0')))
}

/// A finite number; nothing where the cell is empty.
pub(super) fn number(field: &'static str, cell: &[u8]) -> Parsed<Option<f64>> {
    if cell.is_empty() {
        return Ok(None);
    }
    let number = std::str::from_utf8(cell).ok().and_then(|text| text.parse::<f64>().ok());
    match number.filter(|number| number.is_finite()) {
        Some(number) => Ok(Some(number)),
        None => Err(problem(field, "a number", cell)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_both_spellings() {
        // date -u -d 2018-07-15 +%s gives 1531612800 = 17727 days.
        for text in ["2018-07-15", "2018-7-15", "7/15/18", "07/15/2018"] {
            assert_eq!(date("date", text.as_bytes()), Ok(17_727), "{text}");
        }
        for text in ["", "15/7/18", "2018-02-30", "2018/07/15", "18-07-15", "7/15/118", "7/15/", "2018-07-15T", "--"] {
            let problem = date("date", text.as_bytes()).unwrap_err();
            assert_eq!((&*problem.field, problem.found), ("date", format!("{text:?}")));
        }
    }

    #[test]
    fn whole_numbers_keep_their_bounds() {
        assert_eq!(whole("x", b"20", 1, 20), Ok(20));
        for text in ["", "0", "21", "-1", "1.0", "4294967297", " 2", "9999999999"] {
            assert!(whole("x", text.as_bytes(), 1, 20).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_must_be_finite() {
        assert_eq!(number("x", b"-7.5e-1"), Ok(Some(-0.75)));
        assert_eq!(number("x", b""), Ok(None));
        for text in ["nan", "inf", "1,5", "\u{fc}"] {
            assert!(number("x", text.as_bytes()).is_err(), "{text}");
        }
    }
}
