//! A typed line as words, and a word as it is to be typed.
//!
//! Words stand between spaces. In double quotes a word may have spaces, and
//! `\"`, `\\`, `\n`, `\r`, `\t`, `\0`, `\u{1b}`; in single quotes everything is as it
//! stands. Outside of quotes a backslash is one.

use socklab::output::harmless;

/// A word, and whether it began with a quote: then it is no `name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    pub begins_quoted: bool,
}

/// A word as a shell hands it over, which has seen to the quotes.
impl From<&str> for Word {
    fn from(text: &str) -> Word {
        Word { text: text.to_string(), begins_quoted: false }
    }
}

/// The words of a line.
///
/// # Errors
/// A quote is not closed, or a backslash in double quotes means nothing.
pub fn words(line: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut letters = line.chars().peekable();
    while let Some(&first) = letters.peek() {
        if first.is_whitespace() {
            letters.next();
            continue;
        }
        let begins_quoted = ['"', '\''].contains(&first);
        let mut word = Word { text: String::new(), begins_quoted };
        while let Some(letter) = letters.next_if(|letter| !letter.is_whitespace()) {
            match letter {
                '"' => loop {
                    match letters.next() {
                        Some('"') => break,
                        Some('\\') => word.text.push(escaped(&mut letters)?),
                        Some(letter) => word.text.push(letter),
                        None => return Err("a double quote is not closed".to_string()),
                    }
                },
                '\'' => loop {
                    match letters.next() {
                        Some('\'') => break,
                        Some(letter) => word.text.push(letter),
                        None => return Err("a single quote is not closed".to_string()),
                    }
                },
                letter => word.text.push(letter),
            }
        }
        words.push(word);
    }
    Ok(words)
}

fn escaped(letters: &mut impl Iterator<Item = char>) -> Result<char, String> {
    match letters.next() {
        Some('n') => Ok('\n'),
        Some('r') => Ok('\r'),
        Some('t') => Ok('\t'),
        Some('0') => Ok('\0'),
        Some(same @ ('"' | '\\')) => Ok(same),
        Some('u') => {
            let digits: String =
                letters.skip_while(|c| *c == '{').take_while(|c| *c != '}').collect();
            let letter = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
            letter.ok_or_else(|| format!("\\u{{{digits}}} is no character"))
        }
        _ => Err("in double quotes a backslash stands before one of \" \\ n r t 0 u{1b}".into()),
    }
}

/// The text as one word, in quotes where it needs them.
pub fn word(text: &str) -> String {
    let plain = !text.is_empty() && !text.contains([' ', '"', '\'']) && harmless(text) == text;
    if plain { text.to_string() } else { quoted(text) }
}

/// The text as one word, in quotes whether it needs them or not; what a
/// terminal must not be given is escaped.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", harmless(&text.replace('\\', "\\\\").replace('"', "\\\"")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(line: &str) -> Vec<String> {
        words(line).unwrap().into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn quotes_hold_words_together() {
        assert_eq!(texts("  tcp  a:1 "), ["tcp", "a:1"]);
        assert_eq!(
            texts(r#"send="a b\r\n\"x\"" e='\d "q"'"#),
            ["send=a b\r\n\"x\"", "e=\\d \"q\""]
        );
        assert_eq!(texts(r"expect=/\d+/"), [r"expect=/\d+/"]);
        assert_eq!(texts(r#""""#), [""]);
        assert!(words("\"a=5\"").unwrap()[0].begins_quoted);
        assert!(!words("a=\"5\"").unwrap()[0].begins_quoted);
        for wrong in ["\"a", "'a", r#""\q""#, r#""\u{110000}""#, "\"\\"] {
            assert!(words(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back_from_its_word(list in proptest::collection::vec(any::<String>(), 0..4)) {
            let line: Vec<String> = list.iter().map(|text| word(text)).collect();
            prop_assert_eq!(texts(&line.join(" ")), list);
        }

        #[test]
        fn nothing_typed_makes_it_panic(line: String) {
            let _ = words(&line);
        }
    }
}
