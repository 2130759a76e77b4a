//! The word that was perhaps meant by a mistyped one.

/// The known word that differs least from this one, if it is at most two
/// letters wrong, and not most of them.
pub fn similar<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 2 && 2 * distance < candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// `; did you mean WORD?`, or nothing.
pub fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    similar(word, known).map(|meant| format!("; did you mean {meant}?")).unwrap_or_default()
}

/// How many letters have to be put in, left out or replaced (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_or_two_wrong_letters_are_forgiven() {
        let known = ["interval", "timeout", "url"];
        assert_eq!(similar("intervall", known), Some("interval"));
        assert_eq!(similar("TIMEOUT", known), Some("timeout"));
        assert_eq!(similar("tiemout", known), Some("timeout"));
        assert_eq!(similar("uri", known), Some("url"));
        assert_eq!(similar("x", known), None);
        assert_eq!(hint("banana", known), "");
    }

    #[test]
    fn the_distance_counts_letters() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
