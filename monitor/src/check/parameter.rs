//! The parameters of a check: each named, explained, set and shown in one place.
//!
//! The same table serves the typed line, the TOML file, the sample of a file,
//! and the text that a check is shown as.

use std::time::Duration;

use logic::units::show_duration;
use socklab::endpoint::Endpoint;

use super::resolve;
use super::value::Value;

/// One parameter of a check of type `T`.
pub struct Parameter<T: 'static> {
    pub name: &'static str,
    /// What it says, on one line, for the sample of a file.
    pub help: &'static str,
    /// An example of its value, in TOML.
    pub sample: &'static str,
    /// Enters a value; the error ends a sentence that begins with the name.
    pub set: fn(&mut T, &Value) -> Result<(), String>,
    /// Its value, unless that is the default.
    pub show: fn(&T) -> Option<Value>,
}

/// A parameter without the check that it is of.
#[derive(Debug, Clone, PartialEq)]
pub struct About {
    pub name: &'static str,
    pub help: &'static str,
    pub sample: &'static str,
    pub shown: Option<Value>,
}

/// All parameters of a check, with their values in it.
pub fn about<T>(parameters: &'static [Parameter<T>], check: &T) -> Vec<About> {
    let about = |parameter: &Parameter<T>| About {
        name: parameter.name,
        help: parameter.help,
        sample: parameter.sample,
        shown: (parameter.show)(check),
    };
    parameters.iter().map(about).collect()
}

/// Enters the value of one parameter. None if there is no such parameter.
pub fn set<T>(
    parameters: &'static [Parameter<T>],
    check: &mut T,
    name: &str,
    value: &Value,
) -> Option<Result<(), String>> {
    let parameter = parameters.iter().find(|parameter| parameter.name == name)?;
    Some((parameter.set)(check, value))
}

/// Enters a host, and the port too where one stands beside it.
///
/// # Errors
/// It is no address.
pub fn set_host(host: &mut String, port: &mut Option<u16>, value: &Value) -> Result<(), String> {
    let endpoint: Endpoint = value.text()?.parse()?;
    if endpoint.port == Some(0) {
        return Err("cannot have port 0: no server has it".to_string());
    }
    resolve::ascii(&endpoint.host)?;
    *host = endpoint.host;
    if endpoint.port.is_some() {
        *port = endpoint.port;
    }
    Ok(())
}

/// Enters a port.
///
/// # Errors
/// It is none.
pub fn set_port(port: &mut Option<u16>, value: &Value) -> Result<(), String> {
    *port = Some(value.whole(1, 65_535)? as u16);
    Ok(())
}

/// A duration as a value.
pub fn shown_duration(duration: Duration) -> Option<Value> {
    Some(Value::of(show_duration(duration)))
}

/// Bytes to be sent: text, or `hex:` and pairs of digits.
///
/// # Errors
/// What stands behind `hex:` is something else, or nothing.
pub fn bytes_of(value: &Value) -> Result<Vec<u8>, String> {
    let text = value.text()?;
    let Some(hex) = text.strip_prefix("hex:") else {
        return Ok(text.as_bytes().to_vec());
    };
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pair = |pair: &[u8]| -> Option<u8> {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        Some((digit(pair[0])? * 16 + digit(*pair.get(1)?)?) as u8)
    };
    digits
        .chunks(2)
        .map(pair)
        .collect::<Option<Vec<u8>>>()
        .filter(|bytes| !bytes.is_empty())
        .ok_or_else(|| "must have pairs of hexadecimal digits behind hex:, as in hex:0a1b".into())
}

/// The text that [`bytes_of`] makes these bytes of.
pub fn text_of(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.starts_with("hex:") => Value::of(text),
        _ => {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            Value::of(format!("hex:{hex}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_are_written_as_text_or_in_hex() {
        assert_eq!(bytes_of(&Value::of("HELO\r\n")), Ok(b"HELO\r\n".to_vec()));
        assert_eq!(bytes_of(&Value::of("hex:0a FF")), Ok(vec![0x0a, 0xff]));
        for wrong in ["hex:", "hex:0", "hex:0g", "hex:+1"] {
            assert!(bytes_of(&Value::of(wrong)).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn bytes_come_back_from_their_text(bytes in proptest::collection::vec(any::<u8>(), 1..40)) {
            prop_assert_eq!(bytes_of(&text_of(&bytes)), Ok(bytes));
        }

        #[test]
        fn text_comes_back_too(text in "hex:[0-9a-f]{0,4}x|\\PC*") {
            let bytes = text.as_bytes();
            if !bytes.is_empty() {
                prop_assert_eq!(bytes_of(&text_of(bytes)).unwrap(), bytes);
            }
        }
    }
}
