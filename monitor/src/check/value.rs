//! The value of a parameter, wherever it comes from: a word typed, or a value in TOML.
//!
//! What is typed is always text, and so every value can be written as text:
//! `true`, `30%`, `200-299`. TOML's own numbers and flags are taken as well.

use std::time::Duration;

use logic::units;
use logic::units::Rate;

/// A value, not yet understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    List(Vec<Value>),
    Table(Vec<(String, Value)>),
    /// TOML knows dates too, and no parameter is one.
    Date(String),
}

impl Value {
    pub fn of(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    pub fn texts<T: ToString>(list: &[T]) -> Value {
        Value::List(list.iter().map(|item| Value::Text(item.to_string())).collect())
    }

    /// Text, and nothing else.
    ///
    /// # Errors
    /// What it is instead, as a sentence's end: `must be text in quotes, not 5`.
    pub fn text(&self) -> Result<&str, String> {
        match self {
            Value::Text(text) => Ok(text),
            other => Err(format!("must be text in quotes, not {}", other.shown())),
        }
    }

    /// A whole number between these two, both included.
    ///
    /// # Errors
    /// As for [`Value::text`].
    pub fn whole(&self, least: u64, most: u64) -> Result<u64, String> {
        let number = match self {
            Value::Integer(number) => u64::try_from(*number).ok(),
            Value::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().ok()
            }
            _ => None,
        };
        number.filter(|number| (least..=most).contains(number)).ok_or_else(|| {
            format!("must be a whole number from {least} to {most}, not {}", self.shown())
        })
    }

    /// A duration longer than 0: `"250ms"`, or a number of seconds.
    ///
    /// # Errors
    /// As for [`Value::text`].
    pub fn duration(&self) -> Result<Duration, String> {
        let text = match self {
            Value::Text(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            _ => String::new(),
        };
        units::positive_duration(&text).map_err(|why| {
            format!("must be a duration such as 250ms, 30s or 5m, not {}: {why}", self.shown())
        })
    }

    /// A share: `"30%"`, `0.3`, `"3/10"`.
    ///
    /// # Errors
    /// As for [`Value::text`].
    pub fn rate(&self) -> Result<Rate, String> {
        let text = match self {
            Value::Text(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            _ => String::new(),
        };
        text.parse()
            .map_err(|why| format!("must be a share such as 20%, not {}: {why}", self.shown()))
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// As for [`Value::text`].
    pub fn flag(&self) -> Result<bool, String> {
        match self {
            Value::Flag(flag) => Ok(*flag),
            Value::Text(text) if text == "true" => Ok(true),
            Value::Text(text) if text == "false" => Ok(false),
            other => Err(format!("must be true or false, not {}", other.shown())),
        }
    }

    /// A list, or a single value as a list of one.
    pub fn list(&self) -> &[Value] {
        match self {
            Value::List(list) => list,
            one => std::slice::from_ref(one),
        }
    }

    /// For a message: as it was written, or nearly so.
    pub fn shown(&self) -> String {
        match self {
            Value::Text(text) if text.chars().count() > 60 => "so long a text".to_string(),
            Value::Text(text) => format!("{text:?}"),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            Value::Flag(flag) => flag.to_string(),
            Value::List(_) => "a list".to_string(),
            Value::Table(_) => "a table".to_string(),
            Value::Date(date) => date.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_as_numbers_and_as_text() {
        for value in [Value::Integer(53), Value::of("53")] {
            assert_eq!(value.whole(1, 65_535), Ok(53));
            assert_eq!(value.duration(), Ok(Duration::from_secs(53)));
        }
        assert_eq!(Value::Float(0.5).duration(), Ok(Duration::from_millis(500)));
        assert_eq!(Value::Float(0.3).rate(), Value::of("30%").rate());
        assert_eq!(Value::of("true").flag(), Ok(true));
    }

    #[test]
    fn what_a_value_is_not_is_said_with_what_it_is() {
        let why = Value::of("soon").duration().unwrap_err();
        assert!(why.contains("not \"soon\""), "{why}");
        let why = Value::Integer(70_000).whole(1, 65_535).unwrap_err();
        assert!(why.contains("from 1 to 65535, not 70000"), "{why}");
        assert!(Value::Integer(-1).whole(0, 9).is_err());
        assert!(Value::Integer(0).duration().is_err());
        assert!(Value::List(Vec::new()).text().unwrap_err().contains("a list"));
        assert!(Value::Date("1979-05-27".into()).rate().unwrap_err().contains("1979"));
        assert!(Value::of("yes").flag().is_err());
    }
}
