//! A field of a row, of any JSON type, and what is wrong with it where another is needed.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::row_problem::RowProblem;
use crate::time::parse_utc;

/// A row that is a JSON object, in the shape of `T`.
pub(super) fn parse_object<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, RowProblem> {
    let whole = |expected: &'static str, found: String| RowProblem::new("(whole row)", expected, found);
    let text = std::str::from_utf8(text).map_err(|e| {
        let byte = text.get(e.valid_up_to()).copied().unwrap_or_default();
        whole("UTF-8 text", format!("byte 0x{byte:02x} after {} bytes of the row", e.valid_up_to()))
    })?;
    if !text.starts_with('{') {
        return Err(whole("a JSON object", text.chars().take(40).collect()));
    }
    serde_json::from_str(text).map_err(|e| whole("a JSON object", e.to_string()))
}

/// A field of any type.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Field<'a> {
    #[default]
    Absent,
    Null,
    Boolean(bool),
    Number(f64),
    Text(Cow<'a, str>),
    List,
    Object,
}

impl<'a> Field<'a> {
    pub(super) fn problem(&self, field: &'static str, expected: &'static str) -> RowProblem {
        let found = match self {
            Self::Absent => "nothing (the field is missing)".to_owned(),
            Self::Null => "null".to_owned(),
            Self::Boolean(value) => value.to_string(),
            Self::Number(value) => value.to_string(),
            Self::Text(text) => format!("{:?}", text.chars().take(60).collect::<String>()),
            Self::List => "a list".to_owned(),
            Self::Object => "an object".to_owned(),
        };
        RowProblem::new(field, expected, found)
    }

    /// Text, empty where null or absent.
    pub(super) fn text(&self, field: &'static str) -> Result<Cow<'a, str>, RowProblem> {
        match self {
            Self::Absent | Self::Null => Ok(Cow::Borrowed("")),
            Self::Text(text) => Ok(text.clone()),
            _ => Err(self.problem(field, "text or null")),
        }
    }

    pub(super) fn boolean(&self, field: &'static str) -> Result<Option<bool>, RowProblem> {
        match self {
            Self::Absent | Self::Null => Ok(None),
            Self::Boolean(value) => Ok(Some(*value)),
            _ => Err(self.problem(field, "true, false or null")),
        }
    }

    pub(super) fn number(&self, field: &'static str) -> Result<Option<f64>, RowProblem> {
        match self {
            Self::Absent | Self::Null => Ok(None),
            Self::Number(value) => Ok(Some(*value)),
            _ => Err(self.problem(field, "a number or null")),
        }
    }

    pub(super) fn milliseconds(&self, field: &'static str) -> Result<u32, RowProblem> {
        match self {
            Self::Number(ms) if ms.fract() == 0.0 && (0.0..=f64::from(i32::MAX)).contains(ms) => Ok(*ms as u32),
            _ => Err(self.problem(field, "a whole number of milliseconds from 0 to 2147483647")),
        }
    }

    pub(super) fn moment(&self, field: &'static str) -> Result<i64, RowProblem> {
        match self {
            Self::Text(text) => parse_utc(text),
            _ => None,
        }
        .ok_or_else(|| self.problem(field, "a UTC time such as 2014-07-27T20:34:47Z"))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Field<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = Field<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Field::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Field::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Field::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Field::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Field::Number(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Field::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Field::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Field::Object)
    }
}
