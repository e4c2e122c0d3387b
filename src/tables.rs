//! Results for people: tables that read the same in a terminal and in a log, and numbers written one way everywhere.

mod numbers;

use std::fmt;

use comfy_table::{CellAlignment, Table, presets};

pub use self::numbers::{count, duration, estimate, number, optional_share, p_value, rate, share, size};

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
        f.write_str(&plain_text(&self.0))
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
        f.write_str(&plain_text(&self.0))
    }
}

/// No frame: lines and colours hinder `grep` and `diff`.
fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

fn plain_text(table: &Table) -> String {
    // Each cell has a space on both sides; a section indents by itself.
    let line = |line: String| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned();
    table.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// A part of a report: its title, then its content, indented, then an empty line.
pub fn section(title: &str, content: impl fmt::Display) -> String {
    let lines = content.to_string();
    let indented = lines.lines().map(|line| format!("  {line}").trim_end().to_owned() + "\n");
    format!("{title}\n{}\n", indented.collect::<String>())
}

/// A bar whose length tells a value against the largest of its kind.
pub fn bar(value: u64, largest: u64) -> String {
    const LENGTH: u64 = 40;
    let length = (value * LENGTH + largest / 2).checked_div(largest).unwrap_or(0);
    // What occurs at all is seen.
    "#".repeat(length.max(u64::from(value > 0)) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_plain_text_with_numbers_to_the_right() {
        let mut table = Columns::new(["rows", "count"]);
        table.add(["read".into(), count(1_234)]);
        table.add(["kept".into(), count(7)]);
        assert_eq!(section("Rows", &table), "Rows\n  rows  count\n  read  1,234\n  kept      7\n\n");
        let mut pairs = Pairs::new();
        pairs.add("seed", "1".into());
        pairs.add("fingerprint", "abc".into());
        assert_eq!(pairs.to_string(), "seed         1\nfingerprint  abc");
    }

    #[test]
    fn bars_compare_with_the_largest() {
        assert_eq!([0, 1, 50, 100].map(|value| bar(value, 100).len()), [0, 1, 20, 40]);
        assert_eq!(bar(0, 0), "");
    }
}
