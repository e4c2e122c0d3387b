//! The values of a column on their way into a table.

use parquet::data_type::ByteArray;

/// The values of one column as Parquet takes them: those that are there, and in columns that may have missing ones also
/// which rows have one.
pub(crate) struct Values<T> {
    pub(super) rows: usize,
    pub(super) present: Vec<T>,
    /// Whether each row has a value; may be left empty where all have one, or none has.
    pub(super) has_value: Vec<bool>,
}

impl<T> Values<T> {
    pub(crate) fn required(values: impl Iterator<Item = T>) -> Self {
        Self::all(values.collect())
    }

    /// One value per row.
    pub(crate) fn all(present: Vec<T>) -> Self {
        Self { rows: present.len(), present, has_value: Vec::new() }
    }

    /// So many rows without a value.
    pub(crate) fn missing(rows: usize) -> Self {
        Self { rows, present: Vec::new(), has_value: Vec::new() }
    }

    pub(crate) fn optional(values: impl Iterator<Item = Option<T>>) -> Self {
        let mut all = Self::none_yet(values.size_hint().0);
        all.extend(values);
        all
    }

    /// Of a column that may have missing values, with room for so many.
    pub(crate) fn none_yet(rows: usize) -> Self {
        Self { rows: 0, present: Vec::with_capacity(rows), has_value: Vec::with_capacity(rows) }
    }

    /// Whether every row has a value.
    pub(super) fn all_present(&self) -> bool {
        self.present.len() == self.rows
    }

    /// A level per row, 1 where there is a value, as the Parquet library wants them.
    pub(super) fn levels(&self) -> Vec<i16> {
        if self.all_present() || self.present.is_empty() {
            return vec![i16::from(self.all_present()); self.rows];
        }
        self.has_value.iter().map(|&has| i16::from(has)).collect()
    }
}

impl<T> Extend<Option<T>> for Values<T> {
    fn extend<I: IntoIterator<Item = Option<T>>>(&mut self, values: I) {
        let Self { rows, present, has_value } = self;
        for value in values {
            has_value.push(value.is_some());
            present.extend(value);
        }
        *rows = has_value.len();
    }
}

/// A column to be written.
pub(crate) enum ColumnValues {
    Bool(Values<bool>),
    Int(Values<i32>),
    Long(Values<i64>),
    Float(Values<f32>),
    Text(Values<ByteArray>),
}

/// Takes what the values of any type have.
macro_rules! of_values {
    ($column:expr, $values:ident => $what:expr) => {
        match $column {
            ColumnValues::Bool($values) => $what,
            ColumnValues::Int($values) => $what,
            ColumnValues::Long($values) => $what,
            ColumnValues::Float($values) => $what,
            ColumnValues::Text($values) => $what,
        }
    };
}

impl ColumnValues {
    pub(super) fn rows(&self) -> usize {
        of_values!(self, values => values.rows)
    }

    /// Whether no row has a value.
    pub(super) fn none_present(&self) -> bool {
        of_values!(self, values => values.present.is_empty())
    }

    /// A column of texts, none of which is missing.
    pub(crate) fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        Self::Text(Values::required(texts.map(ByteArray::from)))
    }

    /// A column of names from a fixed list.
    pub(crate) fn names(names: impl Iterator<Item = Option<&'static str>>) -> Self {
        let bytes = |name: &'static str| ByteArray::from(bytes::Bytes::from_static(name.as_bytes()));
        Self::Text(Values::optional(names.map(|name| name.map(bytes))))
    }
}
