//! The program texts that the pages point to.

use crate::console::escape;
use crate::layout;
use crate::links::is_picture;
use crate::pages::Page;

/// The file's page; a picture is itself.
pub fn file(path: &str, bytes: Vec<u8>, pages: &[Page]) -> Vec<u8> {
    if is_picture(path) {
        return bytes;
    }
    let text = String::from_utf8_lossy(&bytes);
    let mut lines = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        let comment = ["//", "#"].iter().any(|mark| line.trim_start().starts_with(mark))
            && !line.trim_start().starts_with("#[");
        let class = if comment { " class=\"comment\"" } else { "" };
        lines += &format!(
            "<span id=\"L{number}\"{class}><a href=\"#L{number}\">{number}</a>{}</span>",
            escape(line)
        );
    }
    let body = format!("<figure class=\"listing\"><pre><code>{lines}</code></pre></figure>");
    layout::source(path, &body, pages).into_bytes()
}
