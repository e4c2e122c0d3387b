//! The values of a column on their way into a table.

use std::borrow::Cow;

use super::texts::Texts;

/// The values of one column in one row group.
#[derive(Default)]
pub(crate) struct Values<T> {
    /// A value per row; the default one in rows without.
    values: Vec<T>,
    /// Whether each row has a value; empty where all have one.
    has_value: Vec<bool>,
    /// How many rows have a value.
    known: usize,
}

impl<T: Clone + Default> Values<T> {
    pub(crate) fn required(values: impl Iterator<Item = T>) -> Self {
        Self::all(values.collect())
    }

    /// One value per row.
    pub(crate) fn all(values: Vec<T>) -> Self {
        Self { known: values.len(), values, has_value: Vec::new() }
    }

    pub(crate) fn optional(values: impl Iterator<Item = Option<T>>) -> Self {
        let (has_value, values) = values.map(|value| (value.is_some(), value.unwrap_or_default())).unzip();
        Self::told(values, has_value)
    }

    /// Values, the default one where there is none, and whether there is one.
    pub(crate) fn told(values: Vec<T>, has_value: Vec<bool>) -> Self {
        Self { known: count(&has_value), values, has_value }
    }

    /// What `value` answers for each row of a column that may have missing values.
    pub(crate) fn of<R>(rows: &[R], value: impl Fn(&R) -> Option<T>) -> Self {
        let mut all = Self::none_yet(rows.len());
        all.extend(rows, value);
        all
    }

    /// Of a column that may have missing values, with room for so many.
    pub(crate) fn none_yet(rows: usize) -> Self {
        Self { values: Vec::with_capacity(rows), has_value: Vec::with_capacity(rows), known: 0 }
    }

    /// Adds what `value` answers for each row of a column that may have missing values.
    pub(crate) fn extend<R>(&mut self, rows: &[R], value: impl Fn(&R) -> Option<T>) {
        // Each in a loop of its own, without a branch per row.
        let before = self.has_value.len();
        self.has_value.extend(rows.iter().map(|row| value(row).is_some()));
        self.known += count(&self.has_value[before..]);
        self.values.extend(rows.iter().map(|row| value(row).unwrap_or_default()));
    }

    /// Adds a row of a column that may have missing values.
    pub(crate) fn push(&mut self, value: Option<T>) {
        self.has_value.push(value.is_some());
        self.known += usize::from(value.is_some());
        self.values.push(value.unwrap_or_default());
    }

    pub(crate) fn rows(&self) -> usize {
        self.values.len()
    }

    /// How many rows have a value.
    pub(crate) fn known(&self) -> usize {
        self.known
    }

    /// The values that are there.
    pub(super) fn present(&self) -> Cow<'_, [T]> {
        if self.known == self.rows() {
            return Cow::Borrowed(&self.values);
        }
        let mut present = Vec::with_capacity(self.known);
        let of_rows = self.values.iter().zip(&self.has_value).filter(|(_, has)| **has);
        present.extend(of_rows.map(|(value, _)| value.clone()));
        Cow::Owned(present)
    }

    /// Whether each row has a value; empty where all have one.
    pub(super) fn has_value(&self) -> &[bool] {
        &self.has_value
    }

    /// A level per row, 1 where there is a value, as the Parquet library wants them.
    pub(super) fn levels(&self) -> Vec<i16> {
        if self.has_value.is_empty() {
            return vec![1; self.rows()];
        }
        self.has_value.iter().map(|&has| i16::from(has)).collect()
    }
}

impl Values<bool> {
    /// How many rows have a yes.
    pub(crate) fn yes(&self) -> usize {
        // Where there is no value stands no.
        count(&self.values)
    }
}

fn count(flags: &[bool]) -> usize {
    flags.iter().filter(|&&flag| flag).count()
}

/// A column to be written.
pub(crate) enum ColumnValues {
    Bool(Values<bool>),
    Int(Values<i32>),
    Long(Values<i64>),
    Float(Values<f32>),
    /// None of them is missing.
    Text(Texts),
    /// So many rows without a value, of any type.
    Missing(usize),
    /// Texts of a short list: their places in it.
    Names(Values<u8>, Vec<&'static str>),
}

impl ColumnValues {
    /// A column of texts, none of which is missing.
    pub(crate) fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        Self::Text(texts.collect())
    }

    /// A column of names from a fixed list of fewer than 256.
    pub(crate) fn names(names: impl Iterator<Item = Option<&'static str>>) -> Self {
        let mut list = Vec::new();
        let mut place = |name| {
            let place = list.iter().position(|known| *known == name).unwrap_or(list.len());
            if place == list.len() {
                list.push(name);
            }
            place as u8
        };
        let places = Values::optional(names.map(|name| name.map(&mut place)));
        Self::Names(places, list)
    }

    /// How many rows there are, and how many have a value.
    pub(super) fn rows_and_known(&self) -> (usize, usize) {
        fn of<T: Clone + Default>(values: &Values<T>) -> (usize, usize) {
            (values.rows(), values.known())
        }
        match self {
            Self::Bool(values) => of(values),
            Self::Int(values) => of(values),
            Self::Long(values) => of(values),
            Self::Float(values) => of(values),
            Self::Text(texts) => (texts.rows(), texts.rows()),
            Self::Missing(rows) => (*rows, 0),
            Self::Names(places, _) => of(places),
        }
    }
}
