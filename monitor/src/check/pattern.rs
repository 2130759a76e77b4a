//! What an answer must contain: text, or a regular expression between slashes.

use std::fmt;

use regex::bytes::{Regex, RegexBuilder};

/// Text to be found in an answer, or `/a regular expression/` to match it.
#[derive(Debug, Clone)]
pub enum Pattern {
    Text(String),
    Regex(Regex),
}

impl Pattern {
    /// # Errors
    /// What stands between the slashes is no regular expression; or there is
    /// nothing to look for.
    pub fn new(text: &str) -> Result<Pattern, String> {
        if text.is_empty() {
            return Err("is empty, which would be found in anything".to_string());
        }
        let Some(source) = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) else {
            return Ok(Pattern::Text(text.to_string()));
        };
        // Bounded, so that no expression in a file can fill the memory.
        let regex = RegexBuilder::new(source).size_limit(1 << 20).build();
        regex.map(Pattern::Regex).map_err(|why| {
            // The crate draws the place over several lines; its last line says what it is.
            let why = why.to_string();
            let last = why.lines().last().unwrap_or_default();
            let last = last.strip_prefix("error: ").unwrap_or(last);
            format!("is no regular expression: /{source}/: {last}")
        })
    }

    pub fn is_in(&self, bytes: &[u8]) -> bool {
        match self {
            Pattern::Text(text) => {
                let text = text.as_bytes();
                bytes.len() >= text.len() && bytes.windows(text.len()).any(|part| part == text)
            }
            Pattern::Regex(regex) => regex.is_match(bytes),
        }
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.to_string() == other.to_string()
    }
}

/// As it is typed.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Pattern::Text(text) => f.write_str(text),
            Pattern::Regex(regex) => write!(f, "/{regex}/"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_found_and_a_regex_matches() {
        let found = |pattern: &str, bytes: &[u8]| Pattern::new(pattern).unwrap().is_in(bytes);
        assert!(found("come", b"Welcome\xff"));
        assert!(!found("come", b"com"));
        assert!(found("/^W.l/", b"Welcome"));
        assert!(!found("/^x/", b"Welcome"));
        assert!(found("/", b"a/b"), "a single slash is text");
    }

    #[test]
    fn a_bad_regex_is_told_on_one_line() {
        let why = Pattern::new("/a(b/").unwrap_err();
        assert!(why.contains("/a(b/") && why.contains("unclosed group"), "{why}");
        assert!(!why.contains('\n'));
        assert!(Pattern::new("").is_err());
    }
}
