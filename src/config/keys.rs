//! The known keys of the config, and which of them was meant.

use std::sync::OnceLock;

use toml::{Table, Value};

use super::Config;

/// All keys with their default values.
pub fn known() -> &'static Table {
    static KNOWN: OnceLock<Table> = OnceLock::new();
    // The default config is always a table; the tests see to it.
    KNOWN.get_or_init(|| Table::try_from(Config::default()).unwrap_or_default())
}

/// The default value at a key path, or what is wrong with the path.
pub fn find(path: &str) -> Result<&'static Value, String> {
    let mut section = known();
    let mut above = String::new();
    let mut names = path.split('.').peekable();
    while let Some(name) = names.next() {
        let key = join(&above, name);
        match section.get(name) {
            None => return Err(unknown(&above, name)),
            Some(value) if names.peek().is_none() => return Ok(value),
            Some(Value::Table(table)) => section = table,
            Some(_) => return Err(format!("unknown key `{path}`: `{key}` is a value and holds no keys")),
        }
        above = key;
    }
    Err(unknown("", path))
}

/// The first unknown key below a section, described.
pub fn find_unknown(table: &Table, above: &str) -> Option<String> {
    table.iter().find_map(|(name, value)| {
        let path = join(above, name);
        match (find_name(above, name), value) {
            (None, _) => Some(unknown(above, name)),
            (Some(Value::Table(_)), Value::Table(inner)) => find_unknown(inner, &path),
            _ => None,
        }
    })
}

fn find_name(above: &str, name: &str) -> Option<&'static Value> {
    section(above)?.get(name)
}

fn section(path: &str) -> Option<&'static Table> {
    path.split('.').filter(|name| !name.is_empty()).try_fold(known(), |table, name| table.get(name)?.as_table())
}

fn join(above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") }
}

/// Says that a key is unknown, and which one was probably meant, or which there are.
fn unknown(above: &str, name: &str) -> String {
    let path = join(above, name);
    let siblings: Vec<&str> = section(above).into_iter().flat_map(|table| table.keys()).map(String::as_str).collect();
    if let Some(near) = nearest(name, siblings.iter().copied()) {
        return format!("unknown key `{path}`; did you mean `{}`?", join(above, near));
    }
    // The right name in the wrong section.
    let elsewhere = paths(known(), "");
    let last = name.rsplit('.').next().unwrap_or(name);
    let mut namesakes = elsewhere.iter().filter(|key| key.rsplit('.').next() == Some(last));
    if let Some(key) = namesakes.next() {
        return format!("unknown key `{path}`; did you mean `{key}`?");
    }
    let place = if above.is_empty() { "at the top".to_owned() } else { format!("in `{above}`") };
    format!("unknown key `{path}`; the keys {place} are {}", siblings.join(", "))
}

fn paths(table: &Table, above: &str) -> Vec<String> {
    let below = table.iter().map(|(name, value)| {
        let path = join(above, name);
        let inner = value.as_table().map(|inner| paths(inner, &path)).unwrap_or_default();
        [vec![path], inner].concat()
    });
    below.flatten().collect()
}

/// The candidate that was probably meant: at most a third of its letters differ, or one is the other's beginning.
pub fn nearest<'a>(typed: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Hyphen and underscore are the same slip every time.
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let typed = plain(typed);
    let distance = |candidate: &str| {
        let candidate = plain(candidate);
        if typed.len() >= 3 && (candidate.starts_with(&typed) || typed.starts_with(&candidate)) {
            return 1;
        }
        strsim::damerau_levenshtein(&typed, &candidate)
    };
    let (distance, candidate) = candidates.map(|candidate| (distance(candidate), candidate)).min_by_key(|c| c.0)?;
    (distance <= candidate.len().max(typed.len()).div_ceil(3)).then_some(candidate)
}
