//! From file and options to the effective config. A later source wins: defaults, the file, `--set` in the order
//! given, the options of their own.

use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;
use toml::{Table, Value};

use super::Config;
use super::keys;
use crate::failure::UsageError;

/// One key set from the command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Override {
    key: String,
    value: Typed,
    /// What the user typed, for messages.
    source: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Typed {
    /// Text whose type the key decides.
    Text(String),
    /// A value whose type is known.
    Value(Value),
}

impl Override {
    /// A key with an option of its own, such as `--seed 3`.
    pub fn option(key: &str, value: impl Into<Value>) -> Self {
        let value = value.into();
        let source = format!("--{key} {}", value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        Self { key: key.to_owned(), value: Typed::Value(value), source }
    }
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => Ok(Self {
                key: key.trim().to_owned(),
                value: Typed::Text(value.trim().to_owned()),
                source: format!("--set {text}"),
            }),
            _ => Err("expected KEY=VALUE, e.g. embeddings.cbow.dimension=32".to_owned()),
        }
    }
}

impl Config {
    /// The effective config, not yet validated.
    pub fn load(file: Option<&Path>, overrides: &[Override]) -> anyhow::Result<Self> {
        let mut config = file.map_or_else(|| Ok(Self::default()), read_file)?;
        for change in overrides {
            config = apply(&config, change)
                .map_err(|problem| UsageError(format!("{}: {}", change.source, problem.trim_end())))?;
        }
        Ok(config)
    }
}

fn read_file(path: &Path) -> anyhow::Result<Config> {
    let wrong = |problem: String| UsageError(format!("{}: {}", path.display(), problem.trim_end()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(format!("cannot read the config: {error}")))?;
    let table: Table = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    // Looked for before types are checked: this message knows the whole path and what was meant.
    if let Some(problem) = keys::find_unknown(&table, "") {
        return Err(wrong(problem).into());
    }
    Ok(toml::from_str(&text).map_err(|error| wrong(with_hint(&error.to_string())))?)
}

/// The config with one key changed. Each change is read on its own, so that an error is known to be its own.
fn apply(config: &Config, change: &Override) -> Result<Config, String> {
    let known = keys::find(&change.key)?;
    let value = match &change.value {
        Typed::Value(value) => value.clone(),
        Typed::Text(text) => parse(text, known),
    };
    if let (Value::Table(_), Value::Table(inner)) = (known, &value)
        && let Some(problem) = keys::find_unknown(inner, &change.key)
    {
        return Err(problem);
    }
    check_type(&change.key, known, &value)?;
    let mut table = Table::try_from(config).map_err(|error| error.to_string())?;
    set(&mut table, &change.key, value);
    Config::deserialize(table).map_err(|error| format!("`{}`: {}", change.key, with_hint(error.message())))
}

/// The text as a TOML value, or as a string: `--set name=demo` needs no quotes, and neither does `--set name=1`.
fn parse(text: &str, known: &Value) -> Value {
    let parsed = toml::from_str::<Table>(&format!("value = {text}")).ok().and_then(|mut table| table.remove("value"));
    match parsed {
        Some(value) if value.is_str() || !known.is_str() => value,
        _ => Value::String(text.to_owned()),
    }
}

fn check_type(key: &str, known: &Value, value: &Value) -> Result<(), String> {
    let fits = known.same_type(value) || known.is_float() && value.is_integer();
    if fits {
        return Ok(());
    }
    let found = if value.is_table() { "a section".to_owned() } else { format!("{} ({value})", name_of_type(value)) };
    if let Value::Table(section) = known {
        let names: Vec<&str> = section.keys().map(String::as_str).collect();
        return Err(format!("`{key}` is a section, found {found}; set one of its keys: {}", names.join(", ")));
    }
    Err(format!("`{key}`: expected {}, found {found}; the default is {known}", name_of_type(known)))
}

fn name_of_type(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "a text",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "a list",
        Value::Table(_) => "a section",
    }
}

/// Sets the value at a known path; a section given as a whole changes the keys that it names.
fn set(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        Some((name, rest)) => {
            if let Some(Value::Table(inner)) = table.get_mut(name) {
                set(inner, rest, value);
            }
        }
        None => match (table.get_mut(path), value) {
            (Some(Value::Table(inner)), Value::Table(values)) => {
                values.into_iter().for_each(|(name, value)| set(inner, &name, value));
            }
            (_, value) => {
                table.insert(path.to_owned(), value);
            }
        },
    }
}

/// Adds the nearest variant to serde's "unknown variant `x`, expected one of `a`, `b`".
fn with_hint(message: &str) -> String {
    let message = message.trim_end();
    let Some((_, from)) = message.split_once("unknown variant ") else { return message.to_owned() };
    let mut names = from.lines().next().unwrap_or(from).split('`').skip(1).step_by(2);
    let typed = names.next().unwrap_or_default();
    match keys::nearest(typed, names) {
        Some(near) => format!("{message}; did you mean `{near}`?"),
        None => message.to_owned(),
    }
}
