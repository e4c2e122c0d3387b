//! Rows of the set, flat or in lists, decoded and checked.

use std::path::Path;

use bytemuck::Zeroable;

use super::{Placed, PlacedFeedback};
use crate::importers::parquet_columns::{Column, ColumnKind, ParquetFile, RowRange, Selection, Wanted};
use crate::{DataError, FeedbackKind, Result};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventKind {
    Listen,
    Like,
    Unlike,
    Dislike,
    Undislike,
}

impl EventKind {
    const ALL: [Self; 5] = [Self::Listen, Self::Like, Self::Unlike, Self::Dislike, Self::Undislike];

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }

    fn from_word(word: &[u8]) -> Option<Self> {
        match word {
            b"listen" => Some(Self::Listen),
            b"like" => Some(Self::Like),
            b"unlike" => Some(Self::Unlike),
            b"dislike" => Some(Self::Dislike),
            b"undislike" => Some(Self::Undislike),
            _ => None,
        }
    }

    pub(super) fn feedback(self) -> Option<FeedbackKind> {
        match self {
            Self::Listen => None,
            Self::Like => Some(FeedbackKind::Like),
            Self::Unlike => Some(FeedbackKind::Unlike),
            Self::Dislike => Some(FeedbackKind::Dislike),
            Self::Undislike => Some(FeedbackKind::Undislike),
        }
    }
}

/// A share played that is not told.
pub(super) const NO_RATIO: u16 = u16::MAX;
/// It is not told whether the listener or a recommendation chose.
const NO_ORIGIN: u8 = 2;
/// Longest track, in seconds: its milliseconds fit the dataset.
const LONGEST_S: i64 = i32::MAX as i64 / 1000;

/// One row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) user: u32,
    /// Seconds since the beginning of the set.
    pub(super) time_s: u32,
    pub(super) item: u32,
    /// 0 where not known.
    pub(super) length_s: u32,
    /// Percent played, or [`NO_RATIO`].
    pub(super) ratio_pct: u16,
    /// 0 recommended, 1 organic, [`NO_ORIGIN`].
    organic: u8,
    kind: u8,
}

impl Event {
    pub(super) fn is_recommended(&self) -> bool {
        self.organic == 0
    }

    pub(super) fn is_play(&self) -> bool {
        self.kind == EventKind::Listen as u8
    }

    pub(super) fn placed(&self, place: u64) -> Placed {
        let Self { user, time_s, item, length_s, ratio_pct, organic, kind } = *self;
        Placed { user, time_s, place, item, length_s, ratio_pct, organic, kind, ..Placed::zeroed() }
    }

    pub(super) fn feedback(&self, user: u32, track: u32, place: u64) -> PlacedFeedback {
        PlacedFeedback { user, time_s: self.time_s, place, track, kind: u32::from(self.kind) }
    }
}

impl From<Placed> for Event {
    fn from(placed: Placed) -> Self {
        let Placed { user, time_s, item, length_s, ratio_pct, organic, kind, .. } = placed;
        Self { user, time_s, item, length_s, ratio_pct, organic, kind }
    }
}

/// The events of a range of rows.
pub(super) struct Events {
    pub(super) events: Vec<Event>,
    /// Events read, the bad ones included.
    pub(super) rows: u64,
    pub(super) bad: u64,
}

/// Columns in the order of their selection, the user's apart. The last ones are not in all files.
const TIME: usize = 0;
const ITEM: usize = 1;
const ORIGIN: usize = 2;
const RATIO: usize = 3;
const LENGTH: usize = 4;
const KIND: usize = 5;

/// A file of events.
pub(super) struct EventFile {
    file: ParquetFile,
    selection: Selection,
    /// Kind of all its events, where they have one.
    kind: Option<EventKind>,
    /// The names of the columns.
    names: Vec<&'static str>,
    /// Whether a row holds all events of a user.
    lists: bool,
}

/// Column, what was expected, what was found.
type Problem = (usize, &'static str, String);

impl EventFile {
    pub(super) fn open(path: &Path, kind: Option<EventKind>) -> Result<Self> {
        Self::new(ParquetFile::open(path)?, kind)
    }

    /// A file whose events are all of one kind; `None` where each row tells its own.
    pub(super) fn new(file: ParquetFile, kind: Option<EventKind>) -> Result<Self> {
        let lists = file.columns().iter().any(|column| column.list && column.name.starts_with("item_id"));
        // The set's description has the plural for lists; dumps with the singular are about.
        let either = |one, many| if file.has(many) { many } else { one };
        let mut names = vec![either("timestamp", "timestamps"), either("item_id", "item_ids"), "is_organic"];
        if kind.is_none_or(|kind| kind == EventKind::Listen) {
            names.extend(["played_ratio_pct", "track_length_seconds"]);
        }
        if kind.is_none() {
            names.push("event_type");
        }
        let kind_of = |name| if name == "event_type" { ColumnKind::Text } else { ColumnKind::Int32 };
        let mut wanted = vec![Wanted { name: "uid", kind: ColumnKind::Int32, list: false }];
        wanted.extend(names.iter().map(|&name| Wanted { name, kind: kind_of(name), list: lists }));
        let selection = file.select(&wanted)?;
        Ok(Self { file, selection, kind, names, lists })
    }

    /// Rows of the file: in lists, users.
    pub(super) fn rows(&self) -> u64 {
        self.file.rows()
    }

    pub(super) fn ranges(&self, values: usize) -> impl Iterator<Item = RowRange> + '_ {
        self.selection.ranges(values)
    }

    /// Decodes the columns of a range. No page is unpacked twice where the ranges are asked for in order by one thread.
    pub(super) fn read(&self, range: RowRange) -> Result<Vec<Column>> {
        self.selection.read(range)
    }

    /// The events of a range, whose columns these are. Bad ones are skipped and counted if `lenient`; otherwise the first
    /// is an error.
    pub(super) fn events(&self, range: RowRange, columns: &[Column], lenient: bool) -> Result<Events> {
        let mut events = Events { events: Vec::with_capacity(range.rows), rows: 0, bad: 0 };
        if self.take_listens(columns, &mut events).is_some() {
            return Ok(events);
        }
        let (users, cells) = columns.split_at(1);
        for row in 0..range.rows {
            if !self.lists {
                events.rows += 1;
                match self.event(&users[0], row, cells, |_| row) {
                    Ok(event) => events.events.push(event),
                    Err(_) if lenient => events.bad += 1,
                    Err(problem) => return Err(self.bad_row(range, row, None, problem)),
                }
                continue;
            }
            let count = cells[ITEM].places(row).len();
            let unequal = cells.iter().position(|column| column.places(row).len() != count);
            let unequal = unequal.map(|column| {
                let found = format!("{} values", cells[column].places(row).len());
                (column, "as many values as the user has tracks", found)
            });
            match unequal {
                Some(_) if lenient => {
                    events.rows += count as u64;
                    events.bad += count as u64;
                }
                Some(problem) => return Err(self.bad_row(range, row, None, problem)),
                None => {
                    for place in 0..count {
                        events.rows += 1;
                        match self.event(&users[0], row, cells, |column| cells[column].places(row).start + place) {
                            Ok(event) => events.events.push(event),
                            Err(_) if lenient => events.bad += 1,
                            Err(problem) => return Err(self.bad_row(range, row, Some(place), problem)),
                        }
                    }
                }
            }
        }
        Ok(events)
    }

    /// Adds listens in a form that needs no look at the single cell: one per row, with all numbers in their bounds and
    /// none missing. Answers `None` for any other form.
    fn take_listens(&self, columns: &[Column], events: &mut Events) -> Option<()> {
        if self.lists || self.kind != Some(EventKind::Listen) {
            return None;
        }
        let (users, cells) = columns.split_first()?;
        let (users, times, items) =
            (users.all_up_to(u32::MAX)?, cells[TIME].all_up_to(u32::MAX)?, cells[ITEM].all_up_to(u32::MAX)?);
        let origins = cells[ORIGIN].all_up_to(1)?;
        let ratios = cells[RATIO].all_up_to(u32::from(NO_RATIO) - 1)?;
        let lengths = cells[LENGTH].all_up_to(LONGEST_S as u32)?;
        let (kind, numbers) = (EventKind::Listen as u8, users.iter().zip(times).zip(items));
        let rows = numbers.zip(origins).zip(ratios).zip(lengths);
        events.events.extend(rows.map(|(((((&user, &time_s), &item), &organic), &ratio), &length_s)| Event {
            user,
            time_s,
            item,
            length_s,
            ratio_pct: ratio as u16,
            organic: organic as u8,
            kind,
        }));
        events.rows += users.len() as u64;
        Some(())
    }

    /// The event whose user stands at `user_place`, and whose other cells stand where `place` has it.
    #[inline]
    fn event(
        &self,
        users: &Column,
        user_place: usize,
        cells: &[Column],
        place: impl Fn(usize) -> usize,
    ) -> std::result::Result<Event, Problem> {
        const ID: &str = "a whole number of 32 bits without sign";
        let id = |column: &Column, place, number| {
            let id = u32::try_from(column.int(place)).ok().filter(|_| !column.is_missing(place));
            id.ok_or_else(|| (number, ID, told(column, place)))
        };
        let user = id(users, user_place, usize::MAX)?;
        let time_s = id(&cells[TIME], place(TIME), TIME)?;
        let item = id(&cells[ITEM], place(ITEM), ITEM)?;
        // What may be missing: `most` is the largest value allowed.
        let optional = |number: usize, most: i64, expected| {
            let (column, place) = (&cells[number], place(number));
            match column.int(place) {
                _ if column.is_missing(place) => Ok(None),
                value if (0..=most).contains(&value) => Ok(Some(value)),
                _ => Err((number, expected, told(column, place))),
            }
        };
        let organic = optional(ORIGIN, 1, "0 or 1")?.map_or(NO_ORIGIN, |organic| organic as u8);
        let kind = match self.kind {
            Some(kind) => kind,
            None => {
                let word = cells[KIND].text(place(KIND));
                EventKind::from_word(word).ok_or_else(|| {
                    (KIND, "listen, like, unlike, dislike or undislike", format!("{:?}", String::from_utf8_lossy(word)))
                })?
            }
        };
        let (mut ratio_pct, mut length_s) = (NO_RATIO, 0);
        if kind == EventKind::Listen {
            let ratio = optional(RATIO, i64::from(NO_RATIO - 1), "percent, 0 to 65534, or nothing")?;
            ratio_pct = ratio.map_or(NO_RATIO, |percent| percent as u16);
            length_s = optional(LENGTH, LONGEST_S, "seconds, 0 to 2147483, or nothing")?.unwrap_or(0) as u32;
        }
        Ok(Event { user, time_s, item, length_s, ratio_pct, organic, kind: kind as u8 })
    }

    #[cold]
    fn bad_row(&self, range: RowRange, row: usize, place: Option<usize>, problem: Problem) -> DataError {
        let (column, expected, found) = problem;
        let name = self.names.get(column).copied().unwrap_or("uid");
        let field = place.map_or(name.to_owned(), |place| format!("{name}[{place}]"));
        let (file, row) = (self.file.label().to_owned(), range.first_row + row as u64 + 1);
        DataError::BadRow { file, row, field, expected: expected.to_owned(), found }
    }
}

/// A cell as the user sees it.
#[cold]
fn told(column: &Column, place: usize) -> String {
    if column.is_missing(place) { "nothing".to_owned() } else { column.int(place).to_string() }
}
