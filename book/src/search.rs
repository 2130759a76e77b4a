//! The index that the browser searches. It is a script and not a file of data,
//! because a page that is opened as a file may load scripts and nothing else.

use serde_json::json;

use crate::pages::Page;

/// A heading with the text below it, up to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The page's file.
    file: String,
    page: String,
    anchor: String,
    heading: String,
    pub text: String,
}

impl Section {
    pub fn new(page: &Page, anchor: String, heading: String) -> Section {
        let (file, page) = (page.file.clone(), page.title.clone());
        Section { file, page, anchor, heading, text: String::new() }
    }
}

/// `const INDEX = [[file, page, anchor, heading, text], …];`
pub fn index(sections: &[Section]) -> String {
    let rows: Vec<_> = sections
        .iter()
        .map(|section| {
            let text: Vec<&str> = section.text.split_whitespace().collect();
            json!([section.file, section.page, section.anchor, section.heading, text.join(" ")])
        })
        .collect();
    format!("const INDEX = {};\n", json!(rows))
}
