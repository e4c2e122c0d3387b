//! One row of a log, from the text of its cells to a play.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;

use super::field::Field;
use super::mapping::{Mapping, TimeUnit, Words, meaning};
use crate::importers::row_problem::RowProblem;
use crate::time::parse_utc;
use crate::{BehaviourPolicy, Device, Source};

/// A piece of [`Rows::text`].
pub(super) type Span = (u32, u32);

/// What a session is known by: a hash of the log's word for it, never 0.
pub(super) fn session_hash(session: &str) -> u64 {
    FixedState::default().hash_one(session) | 1
}

/// A checked row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Row {
    pub(super) user: Span,
    pub(super) track: Span,
    pub(super) artist: Span,
    pub(super) name: Span,
    pub(super) album: Span,
    /// A hash of the log's session; 0 where sessions are told by the gap.
    pub(super) session: u64,
    /// Start of the play, or its end where the log has that.
    pub(super) time_ms: i64,
    pub(super) ms_played: Option<u32>,
    pub(super) duration_ms: Option<u32>,
    pub(super) complete: Option<bool>,
    pub(super) skip: Option<bool>,
    pub(super) premium: Option<bool>,
    pub(super) shuffle: Option<bool>,
    pub(super) device: Option<Device>,
    pub(super) source: Option<Source>,
    pub(super) policy: Option<BehaviourPolicy>,
    pub(super) propensity: Option<f32>,
}

/// Rows of one piece of a file, in order.
#[derive(Default)]
pub(super) struct Rows {
    /// The rows, with their places in the piece.
    pub(super) rows: Vec<(u32, Row)>,
    /// Identifiers and names, one after the other.
    pub(super) text: String,
    /// Bad rows, with their places in the piece.
    pub(super) bad: Vec<(u32, RowProblem)>,
    /// Rows, bad ones too.
    pub(super) count: u32,
}

impl Rows {
    pub(super) fn text_of(&self, span: Span) -> &str {
        &self.text[span.0 as usize..span.1 as usize]
    }

    /// Takes a row whose cells `cell` gives by field: text, or `None` where the field is not mapped.
    pub(super) fn push<'a>(&mut self, reader: &RowReader<'_>, cell: impl Fn(Field) -> Option<&'a [u8]>) {
        let length = self.text.len();
        match reader.read(cell, &mut self.text) {
            Ok(row) => self.rows.push((self.count, row)),
            Err(problem) => {
                self.text.truncate(length);
                self.bad.push((self.count, problem));
            }
        }
        self.count += 1;
    }

    /// Takes a row that has no cells to look at.
    pub(super) fn push_bad(&mut self, problem: RowProblem) {
        self.bad.push((self.count, problem));
        self.count += 1;
    }
}

/// Reads rows by a mapping.
#[derive(Clone, Copy)]
pub(super) struct RowReader<'a> {
    pub(super) mapping: &'a Mapping,
    pub(super) time_unit: TimeUnit,
    pub(super) utc_offset_ms: i64,
}

impl RowReader<'_> {
    fn read<'a>(&self, cell: impl Fn(Field) -> Option<&'a [u8]>, text: &mut String) -> Result<Row, RowProblem> {
        let cell = |field: Field| match cell(field) {
            None => Ok(""),
            Some(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(text.trim()),
                Err(_) => Err(self.problem(field, "UTF-8 text", &String::from_utf8_lossy(bytes))),
            },
        };
        let required = |field: Field| match cell(field)? {
            "" => Err(self.problem(field, "some text", "")),
            text => Ok(text),
        };
        let mut span = |part: &str| {
            let begin = text.len() as u32;
            text.push_str(part);
            (begin, text.len() as u32)
        };
        let mut row =
            Row { user: span(required(Field::User)?), track: span(required(Field::Track)?), ..Row::default() };
        (row.artist, row.name, row.album) =
            (span(cell(Field::Artist)?), span(cell(Field::Name)?), span(cell(Field::Album)?));
        let mapped = |field: Field| self.mapping.columns.contains_key(&field);
        if mapped(Field::Session) {
            row.session = session_hash(required(Field::Session)?);
        }
        let time = if mapped(Field::End) { Field::End } else { Field::Start };
        row.time_ms = self.time(time, required(time)?)?;
        let duration = self.length(&cell, Field::DurationMs, 1.0)?;
        let duration = duration.or(self.length(&cell, Field::DurationSeconds, 1000.0)?);
        // A log may write 0 where it does not know.
        row.duration_ms = duration.filter(|&ms| ms > 0);
        let played = self.length(&cell, Field::MsPlayed, 1.0)?;
        let played = played.or(self.length(&cell, Field::SecondsPlayed, 1000.0)?);
        let share = self.length(&cell, Field::PlayedRatio, row.duration_ms.map_or(0.0, f64::from))?;
        row.ms_played = played.or(share.filter(|_| row.duration_ms.is_some()));
        row.complete = self.flag(&cell, Field::Complete)?;
        row.skip = self.flag(&cell, Field::Skip)?;
        row.premium = self.flag(&cell, Field::Premium)?;
        row.shuffle = self.flag(&cell, Field::Shuffle)?;
        row.device = self.word(&cell, Field::Device, &self.mapping.devices, Device::from_name)?;
        row.source = self.word(&cell, Field::Source, &self.mapping.sources, Source::from_name)?;
        let policies = &self.mapping.policies;
        row.policy = self.word(&cell, Field::BehaviourPolicy, policies, BehaviourPolicy::from_name)?;
        row.propensity = match cell(Field::Propensity)? {
            "" => None,
            text => match text.parse::<f32>() {
                Ok(value) if value > 0.0 && value <= 1.0 => Some(value),
                _ => return Err(self.problem(Field::Propensity, "a probability above 0, at most 1", text)),
            },
        };
        Ok(row)
    }

    fn problem(&self, field: Field, expected: &'static str, found: &str) -> RowProblem {
        let column = self.mapping.columns.get(&field).map_or(field.name(), String::as_str);
        let found = found.chars().take(60).collect::<String>();
        RowProblem::new(column.to_owned(), expected, format!("{found:?}"))
    }

    fn time(&self, field: Field, text: &str) -> Result<i64, RowProblem> {
        // Until the year 9999, and as far back.
        const LATEST_MS: f64 = 253_402_300_800_000.0;
        let number = |scale: f64| {
            let ms = text.parse::<f64>().ok()? * scale;
            (ms.abs() < LATEST_MS).then_some(ms.round() as i64)
        };
        let (moment, expected) = match self.time_unit {
            TimeUnit::Iso8601 => (parse_utc(text), "a time such as 2014-07-27T20:34:47Z"),
            TimeUnit::Seconds => (number(1000.0), "seconds since 1970"),
            TimeUnit::Milliseconds => (number(1.0), "milliseconds since 1970"),
        };
        moment.map(|ms| ms + self.utc_offset_ms).ok_or_else(|| self.problem(field, expected, text))
    }

    /// Milliseconds of a cell that holds a number, times `scale`.
    fn length<'a>(
        &self,
        cell: &impl Fn(Field) -> Result<&'a str, RowProblem>,
        field: Field,
        scale: f64,
    ) -> Result<Option<u32>, RowProblem> {
        let text = cell(field)?;
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse::<f64>() {
            Ok(value) if value >= 0.0 && value * scale <= f64::from(i32::MAX) => {
                Ok(Some((value * scale).round() as u32))
            }
            _ => Err(self.problem(field, "a number from 0 on, below 25 days", text)),
        }
    }

    fn flag<'a>(
        &self,
        cell: &impl Fn(Field) -> Result<&'a str, RowProblem>,
        field: Field,
    ) -> Result<Option<bool>, RowProblem> {
        let text = cell(field)?;
        if let Some(meaning) = self.mapping.flags.get(&field).and_then(|words| meaning(words, text)) {
            return Ok(meaning);
        }
        let is = |words: [&str; 4]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
        match text {
            "" => Ok(None),
            _ if is(["true", "1", "yes", "t"]) => Ok(Some(true)),
            _ if is(["false", "0", "no", "f"]) => Ok(Some(false)),
            _ => Err(self.problem(field, "true, false, 1, 0, yes, no, or a word of the mapping's [values]", text)),
        }
    }

    fn word<'a, T: Copy>(
        &self,
        cell: &impl Fn(Field) -> Result<&'a str, RowProblem>,
        field: Field,
        words: &Words<T>,
        from_name: fn(&str) -> Option<T>,
    ) -> Result<Option<T>, RowProblem> {
        let text = cell(field)?;
        match meaning(words, text).or_else(|| from_name(text).map(Some)) {
            Some(meaning) => Ok(meaning),
            None if text.is_empty() => Ok(None),
            None => Err(self.problem(field, "a word of the dataset, or one of the mapping's [values]", text)),
        }
    }
}
