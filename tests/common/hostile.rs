//! Text that means no good to a terminal, and what of it must never arrive there.

use proptest::prelude::*;

/// What must never reach a terminal, worked out in another way than the
/// escaper does it: control characters, and what Unicode's tables of format
/// characters, default ignorable ones and separators hold.
pub fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
        || (c.is_whitespace() && c != ' ')
}

/// Text in which one character of three is harmful; some of it longer than anything is shown.
pub fn hostile() -> impl Strategy<Value = String> {
    let harmful: Vec<char> = ('\0'..=char::MAX).filter(|c| is_harmful(*c)).collect();
    let letter = prop_oneof![
        1 => prop::sample::select(harmful),
        1 => any::<char>(),
        1 => prop::char::range(' ', '~'),
    ];
    prop::collection::vec(letter, 0..300).prop_map(|letters| letters.into_iter().collect())
}
