//! Results for people: tables that read the same in a terminal and in a log, and numbers written one way everywhere.

mod numbers;

use std::fmt;

use comfy_table::{CellAlignment, Table, presets};

pub use self::numbers::{count, duration, estimate, rate, share, size};

/// A table with a heading; the first column is text, the others are numbers.
pub struct Columns(Table);

impl Columns {
    /// A table with these column names.
    pub fn new<const N: usize>(names: [&str; N]) -> Self {
        let mut table = plain();
        table.set_header(names);
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        Self(table)
    }

    /// Adds a row.
    pub fn add<const N: usize>(&mut self, cells: [String; N]) {
        self.0.add_row(cells);
    }
}

impl fmt::Display for Columns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&trimmed(&self.0))
    }
}

/// Names and their values, without a heading.
pub struct Pairs(Table);

impl Pairs {
    /// An empty table.
    pub fn new() -> Self {
        Self(plain())
    }

    /// Adds a name and its value.
    pub fn add(&mut self, name: &str, value: String) {
        self.0.add_row([name.to_owned(), value]);
    }
}

impl fmt::Display for Pairs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&trimmed(&self.0))
    }
}

/// No frame: lines and colours hinder `grep` and `diff`.
fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

fn trimmed(table: &Table) -> String {
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}
