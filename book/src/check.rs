//! Whether every link of a written book leads somewhere: looks at the files
//! alone, and knows nothing of how they were made.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use regex::Regex;

/// The links that lead to no file or no anchor, a line each; and those that
/// would load something from a network.
///
/// # Errors
/// One line: the folder or a file of it cannot be read.
pub fn dangling(folder: &Path) -> Result<Vec<String>, String> {
    let regex = |text| Regex::new(text).map_err(|why| why.to_string());
    let (ids, links) = (regex(r#" id="([^"]+)""#)?, regex(r#" (href|src)="([^"]*)""#)?);
    let said = |why: std::io::Error| format!("{}: {why}", folder.display());
    let mut texts = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(said)? {
        let entry = entry.map_err(said)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let page = name.ends_with(".html");
        let text =
            if page { fs::read_to_string(entry.path()).map_err(said)? } else { String::new() };
        texts.insert(name, text);
    }
    let anchors: BTreeMap<&str, BTreeSet<&str>> = texts
        .iter()
        .map(|(name, text)| {
            let ids = ids.captures_iter(text).filter_map(|found| found.get(1));
            (name.as_str(), ids.map(|id| id.as_str()).collect())
        })
        .collect();

    let mut dangling = Vec::new();
    for (name, text) in &texts {
        for found in links.captures_iter(text) {
            let address = &found[2];
            if address.contains("://") && &found[1] == "href" {
                continue;
            }
            let (file, anchor) = address.split_once('#').unwrap_or((address, ""));
            let file = if file.is_empty() { name } else { file };
            let there = anchors.get(file);
            if !there.is_some_and(|ids| anchor.is_empty() || ids.contains(anchor)) {
                dangling.push(format!("{name}: {address}"));
            }
        }
    }
    Ok(dangling)
}
