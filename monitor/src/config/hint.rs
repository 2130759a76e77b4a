//! The word that was perhaps meant by a mistyped one.

/// `; did you mean WORD?`, or nothing: a known word is meant if at most two
/// letters are wrong, swapped ones counted once, and not most of them.
pub fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let word = word.to_lowercase();
    let meant = known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 2 && 2 * distance < candidate.len())
        .min();
    meant.map(|(_, meant)| format!("; did you mean {meant}?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_two_wrong_letters_are_forgiven() {
        let known = ["interval", "timeout", "url"];
        for (word, meant) in [
            ("intervall", "interval"),
            ("TIMEOUT", "timeout"),
            ("tiemuot", "timeout"),
            ("ulr", "url"),
        ] {
            assert_eq!(hint(word, known), format!("; did you mean {meant}?"));
        }
        for word in ["x", "banana", ""] {
            assert_eq!(hint(word, known), "");
        }
    }
}
