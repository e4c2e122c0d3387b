//! The mapping file: which column of a log is which field of ours, and what its words mean.

use std::collections::BTreeMap;
use std::path::Path;

use super::field::Field;
use crate::{BehaviourPolicy, DataError, Device, Result, Source};

/// Stands for every word that has no line of its own.
const ANY_WORD: &str = "*";
/// Written for a word that tells nothing.
const MISSING: &str = "missing";

/// How times are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TimeUnit {
    /// `2014-07-27T20:34:47Z` and the like.
    #[default]
    Iso8601,
    /// Seconds since 1970, perhaps with a fraction.
    Seconds,
    /// Milliseconds since 1970.
    Milliseconds,
}

/// Words of the log and what they mean; `None` where a word tells nothing.
pub(super) type Words<T> = BTreeMap<String, Option<T>>;

/// A checked mapping.
#[derive(Debug)]
pub(super) struct Mapping {
    /// The log's column by field.
    pub(super) columns: BTreeMap<Field, String>,
    pub(super) time_unit: TimeUnit,
    /// What separates the cells of a CSV file; by the file's name where not given.
    pub(super) delimiter: Option<u8>,
    /// Whether cells of a CSV file may stand in quotes.
    pub(super) quotes: bool,
    pub(super) devices: Words<Device>,
    pub(super) sources: Words<Source>,
    pub(super) policies: Words<BehaviourPolicy>,
    /// Words of the fields that are true or false, by field.
    pub(super) flags: BTreeMap<Field, Words<bool>>,
}

impl Default for Mapping {
    fn default() -> Self {
        Self {
            columns: BTreeMap::new(),
            time_unit: TimeUnit::default(),
            delimiter: None,
            quotes: true,
            devices: Words::new(),
            sources: Words::new(),
            policies: Words::new(),
            flags: BTreeMap::new(),
        }
    }
}

impl Mapping {
    /// Reads a mapping file.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| DataError::file("read", path, e))?;
        Self::parse(&text)
            .map_err(|problem| DataError::bad_file(path, problem, "see docs/formats/generic.md for a full example"))
    }

    /// The mapping of a text; what is wrong with it, where something is.
    pub(super) fn parse(text: &str) -> std::result::Result<Self, String> {
        let table: toml::Table = text.parse().map_err(|e: toml::de::Error| format!("is no TOML: {e}"))?;
        let mut mapping = Self::default();
        for (key, value) in &table {
            let part = value.as_table().ok_or_else(|| format!("`{key}` must be a table such as [columns]"));
            match key.as_str() {
                "columns" => mapping.read_columns(part?)?,
                "time" => mapping.read_time(part?)?,
                "file" => mapping.read_file(part?)?,
                "values" => mapping.read_values(part?)?,
                _ => return Err(unknown("table", key, &["columns", "time", "file", "values"])),
            }
        }
        mapping.check()?;
        Ok(mapping)
    }

    fn read_columns(&mut self, table: &toml::Table) -> std::result::Result<(), String> {
        for (key, column) in table {
            let field = field(key)?;
            let column = column.as_str().ok_or_else(|| format!("columns.{key}: expected the name of a column"))?;
            self.columns.insert(field, column.to_owned());
        }
        Ok(())
    }

    fn read_time(&mut self, table: &toml::Table) -> std::result::Result<(), String> {
        for (key, value) in table {
            if key != "unit" {
                return Err(unknown("key in [time]", key, &["unit"]));
            }
            let units = ["iso8601", "seconds", "milliseconds"];
            self.time_unit = match value.as_str() {
                Some("iso8601") => TimeUnit::Iso8601,
                Some("seconds") => TimeUnit::Seconds,
                Some("milliseconds") => TimeUnit::Milliseconds,
                Some(other) => return Err(unknown("time.unit", other, &units)),
                None => return Err(format!("time.unit: expected one of {}", units.join(", "))),
            };
        }
        Ok(())
    }

    fn read_file(&mut self, table: &toml::Table) -> std::result::Result<(), String> {
        for (key, value) in table {
            match key.as_str() {
                "delimiter" => match value.as_str().map(str::as_bytes) {
                    Some(&[byte]) if byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r') => {
                        self.delimiter = Some(byte);
                    }
                    _ => return Err("file.delimiter: expected one ASCII character such as \";\"".to_owned()),
                },
                "quotes" => {
                    self.quotes = value.as_bool().ok_or_else(|| "file.quotes: expected true or false".to_owned())?;
                }
                _ => return Err(unknown("key in [file]", key, &["delimiter", "quotes"])),
            }
        }
        Ok(())
    }

    fn read_values(&mut self, table: &toml::Table) -> std::result::Result<(), String> {
        for (key, words) in table {
            let field = field(key)?;
            let words = words.as_table().ok_or_else(|| format!("values.{key} must be a table"))?;
            match field {
                Field::Device => self.devices = named(key, words, Device::from_name, names(Device::ALL, Device::name))?,
                Field::Source => self.sources = named(key, words, Source::from_name, names(Source::ALL, Source::name))?,
                Field::BehaviourPolicy => {
                    let names = names(BehaviourPolicy::ALL, BehaviourPolicy::name);
                    self.policies = named(key, words, BehaviourPolicy::from_name, names)?;
                }
                Field::Complete | Field::Skip | Field::Premium | Field::Shuffle => {
                    self.flags.insert(field, flags(key, words)?);
                }
                _ => return Err(format!("values.{key}: the words of `{key}` are taken as they are")),
            }
        }
        Ok(())
    }

    fn check(&self) -> std::result::Result<(), String> {
        let has = |field: Field| self.columns.contains_key(&field);
        for field in [Field::User, Field::Track] {
            if !has(field) {
                return Err(format!("[columns] must say which column is `{}`", field.name()));
            }
        }
        if has(Field::Start) == has(Field::End) {
            return Err("[columns] must name a column for either `start` or `end`".to_owned());
        }
        for pair in [
            &[Field::MsPlayed, Field::SecondsPlayed, Field::PlayedRatio][..],
            &[Field::DurationMs, Field::DurationSeconds][..],
        ] {
            let given: Vec<&str> = pair.iter().filter(|&&field| has(field)).map(|field| field.name()).collect();
            if let [first, second, ..] = given[..] {
                return Err(format!("[columns] names both `{first}` and `{second}`; one tells the other"));
            }
        }
        if has(Field::PlayedRatio) && !has(Field::DurationMs) && !has(Field::DurationSeconds) {
            return Err("`played_ratio` needs a column for `duration_ms` or `duration_seconds`".to_owned());
        }
        Ok(())
    }
}

fn field(key: &str) -> std::result::Result<Field, String> {
    Field::from_name(key).ok_or_else(|| unknown("field", key, &names(Field::ALL, Field::name)))
}

fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|&value| name(value)).collect()
}

/// Says that a name is unknown, and which known one is nearest.
fn unknown(what: &str, found: &str, known: &[&str]) -> String {
    format!("unknown {what} `{found}`; {}", nearest(found, known))
}

/// The known name nearest to one that is not, and all of them.
pub(super) fn nearest(found: &str, known: &[&str]) -> String {
    let distance = |name: &&&str| strsim::damerau_levenshtein(&found.to_lowercase(), &name.to_lowercase());
    match known.iter().min_by_key(distance) {
        Some(nearest) => format!("did you mean `{nearest}`? Known are: {}", known.join(", ")),
        None => "none is known".to_owned(),
    }
}

fn named<T>(
    key: &str,
    words: &toml::Table,
    from_name: fn(&str) -> Option<T>,
    known: Vec<&'static str>,
) -> std::result::Result<Words<T>, String> {
    let value = |(word, name): (&String, &toml::Value)| {
        let name = name.as_str().ok_or_else(|| format!("values.{key}.{word}: expected one of {}", known.join(", ")))?;
        let value = from_name(name);
        if value.is_none() && name != MISSING {
            return Err(unknown(&format!("value of values.{key}.{word}"), name, &[&known[..], &[MISSING]].concat()));
        }
        Ok((word.clone(), value))
    };
    words.iter().map(value).collect()
}

fn flags(key: &str, words: &toml::Table) -> std::result::Result<Words<bool>, String> {
    let value = |(word, value): (&String, &toml::Value)| match (value.as_bool(), value.as_str()) {
        (Some(flag), _) => Ok((word.clone(), Some(flag))),
        (None, Some(MISSING)) => Ok((word.clone(), None)),
        _ => Err(format!("values.{key}.{word}: expected true, false or \"{MISSING}\"")),
    };
    words.iter().map(value).collect()
}

/// What a word means by the mapping: its own line, else that of `*`. `None` where neither is there.
pub(super) fn meaning<T: Copy>(words: &Words<T>, word: &str) -> Option<Option<T>> {
    words.get(word).or_else(|| words.get(ANY_WORD)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[columns]\nuser = \"u\"\ntrack = \"t\"\nstart = \"s\"\n";

    #[test]
    fn a_mapping_is_read() {
        let text = format!(
            "{GOOD}ms_played = \"ms\"\n[time]\nunit = \"seconds\"\n[file]\ndelimiter = \";\"\n\
             [values.device]\nmobile = \"phone\"\n\"*\" = \"missing\"\n[values.skip]\nfwd = true\n\"*\" = false\n"
        );
        let mapping = Mapping::parse(&text).unwrap();
        assert_eq!(mapping.columns[&Field::MsPlayed], "ms");
        assert_eq!((mapping.time_unit, mapping.delimiter), (TimeUnit::Seconds, Some(b';')));
        assert_eq!(meaning(&mapping.devices, "mobile"), Some(Some(Device::Phone)));
        assert_eq!(meaning(&mapping.devices, "toaster"), Some(None));
        assert_eq!(meaning(&mapping.sources, "x"), None);
        assert_eq!(meaning(&mapping.flags[&Field::Skip], "done"), Some(Some(false)));
    }

    #[test]
    fn mistakes_are_named_with_the_nearest_known_word() {
        for (text, parts) in [
            ("columns = 3", &["`columns` must be a table"][..]),
            ("[columns", &["is no TOML"]),
            ("[column]\nuser = \"u\"", &["unknown table `column`", "did you mean `columns`?"]),
            ("[columns]\nuser = 7", &["columns.user", "name of a column"]),
            ("[columns]\nusr = \"u\"", &["unknown field `usr`", "did you mean `user`?", "seconds_played"]),
            ("[columns]\nuser = \"u\"", &["which column is `track`"]),
            ("[columns]\nuser = \"u\"\ntrack = \"t\"", &["either `start` or `end`"]),
            (&format!("{GOOD}end = \"e\""), &["either `start` or `end`"]),
            (&format!("{GOOD}ms_played = \"a\"\nseconds_played = \"b\""), &["both `ms_played` and `seconds_played`"]),
            (&format!("{GOOD}played_ratio = \"a\""), &["`played_ratio` needs"]),
            (&format!("{GOOD}[time]\nunit = \"second\""), &["time.unit `second`", "did you mean `seconds`?"]),
            (&format!("{GOOD}[time]\nzone = \"x\""), &["key in [time] `zone`"]),
            (&format!("{GOOD}[file]\ndelimiter = \"ab\""), &["file.delimiter"]),
            (&format!("{GOOD}[file]\nquotes = \"no\""), &["file.quotes"]),
            (&format!("{GOOD}[file]\nquote = true"), &["key in [file] `quote`", "did you mean `quotes`?"]),
            (&format!("{GOOD}[values.device]\nx = \"fone\""), &["values.device.x `fone`", "did you mean `phone`?"]),
            (&format!("{GOOD}[values.skip]\nx = \"yes\""), &["values.skip.x: expected true, false"]),
            (&format!("{GOOD}[values.user]\nx = \"y\""), &["values.user", "taken as they are"]),
        ] {
            let problem = Mapping::parse(text).unwrap_err();
            assert!(parts.iter().all(|part| problem.contains(part)), "{problem}");
        }
    }
}
