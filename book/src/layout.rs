//! What stands around a page, and the front page.

use pulldown_cmark::{Parser, html};

use crate::console::escape;
use crate::pages::{Edition, Kind, Page};
use crate::render::{Rendered, options};

const KINDS: [Kind; 4] = [Kind::Sheet, Kind::Reference, Kind::Answers, Kind::Instructor];

/// A whole page: the list of pages, the text, and what is on this page.
pub fn page(page: &Page, rendered: &Rendered, pages: &[Page]) -> String {
    let mut body = title(page);
    body += &counterpart(page, pages);
    body += &rendered.html;
    body += &neighbours(page, pages);
    frame(&page.title, &list(pages, &page.file), &body, &contents(rendered))
}

/// A program's text.
pub fn source(path: &str, listing: &str, pages: &[Page]) -> String {
    let body = format!("<h1><code>{}</code></h1>\n{listing}", escape(path));
    frame(path, &list(pages, ""), &body, "")
}

/// The front page: what there is, sheet by sheet.
pub fn front(pages: &[Page], edition: Edition) -> String {
    let mut body = "<h1>socklab</h1>\n<p class=\"lead\">Learn how networks behave by watching \
        them: small programs, real packets, and sheets that lead you from your first datagram \
        to a monitoring system that survives <code>kill -9</code>.</p>\n<div class=\"cards\">\n"
        .to_owned();
    for sheet in pages.iter().filter(|page| page.kind == Kind::Sheet) {
        body += &format!(
            "<a class=\"card\" href=\"{}\"><span class=\"number\">{}</span>\
             <span class=\"name\">{}</span><span class=\"goal\">{}.</span>\
             <span class=\"time\">{}</span></a>\n",
            escape(&sheet.file),
            sheet.number().unwrap_or(""),
            escape(sheet.name()),
            plain(first_sentence(sheet.section("Goal"))),
            plain(first_sentence(sheet.section("Time"))),
        );
    }
    body += "</div>\n";
    for kind in &KINDS[1..] {
        let links: Vec<String> = of(pages, *kind).map(|page| link(page, "")).collect();
        if !links.is_empty() {
            let (heading, links) = (kind.heading(), links.concat());
            body += &format!("<h2>{heading}</h2>\n<ul class=\"row\">{links}</ul>\n");
        }
    }
    if edition.student {
        body += "<p class=\"note\">This edition leaves the answers to your instructor.</p>\n";
    }
    frame("socklab", &list(pages, ""), &body, "").replacen("<body>", "<body class=\"front\">", 1)
}

fn frame(title: &str, list: &str, body: &str, contents: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <link rel=\"stylesheet\" href=\"style.css\">\n\
         <script src=\"search.js\" defer></script>\n<script src=\"book.js\" defer></script>\n\
         </head>\n<body>\n\
         <header><button id=\"menu\" aria-label=\"All pages\" aria-expanded=\"false\">☰</button>\
         <a class=\"home\" href=\"index.html\">socklab</a>\
         <div id=\"search\"><input type=\"search\" placeholder=\"Search\" aria-label=\"Search\" \
         autocomplete=\"off\" spellcheck=\"false\"><kbd>/</kbd><ol></ol></div>\
         <button id=\"theme\" aria-label=\"Light or dark\" title=\"Light or dark\">◐</button>\
         </header>\n<nav id=\"pages\">{list}</nav>\n\
         <main><article>\n{body}</article>\n{contents}</main>\n</body>\n</html>\n"
    )
}

fn title(page: &Page) -> String {
    let number = page.number().filter(|_| page.kind == Kind::Sheet);
    let number = number.map(|number| format!("<span class=\"number\">{number}</span>"));
    let name = if number.is_some() { page.name() } else { &page.title };
    format!("<h1>{}{}</h1>\n", number.unwrap_or_default(), escape(name))
}

/// From a sheet to its answers, and back.
fn counterpart(page: &Page, pages: &[Page]) -> String {
    let (kind, words) = match page.kind {
        Kind::Sheet => (Kind::Answers, "Answers to its questions"),
        Kind::Answers => (Kind::Sheet, "To the sheet"),
        _ => return String::new(),
    };
    let other = of(pages, kind).find(|other| other.number() == page.number());
    let link = other.map(|other| format!("<a href=\"{}\">{words}</a>", escape(&other.file)));
    link.map_or(String::new(), |link| format!("<p class=\"counterpart\">{link}</p>\n"))
}

/// The page before and the page after, among those of its kind.
fn neighbours(page: &Page, pages: &[Page]) -> String {
    let row: Vec<&Page> = of(pages, page.kind).collect();
    let here = row.iter().position(|other| other.file == page.file).unwrap_or(0);
    let link = |other: Option<&&Page>, class: &str| match other {
        Some(other) => format!(
            "<a class=\"{class}\" href=\"{}\">{}</a>",
            escape(&other.file),
            escape(&other.title)
        ),
        None => String::new(),
    };
    let before = link(here.checked_sub(1).and_then(|place| row.get(place)), "before");
    format!("<footer>{before}{}</footer>\n", link(row.get(here + 1), "after"))
}

/// All pages, with the current one marked.
fn list(pages: &[Page], current: &str) -> String {
    let mut list = String::new();
    for kind in KINDS {
        let links: String = of(pages, kind).map(|page| link(page, current)).collect();
        if !links.is_empty() {
            list += &format!("<h2>{}</h2>\n<ul>{links}</ul>\n", kind.heading());
        }
    }
    list
}

fn link(page: &Page, current: &str) -> String {
    let here = if page.file == current { " aria-current=\"page\"" } else { "" };
    let number = page.number().map(|number| format!("<span>{number}</span>"));
    format!(
        "<li><a href=\"{}\"{here}>{}{}</a></li>",
        escape(&page.file),
        number.unwrap_or_default(),
        escape(page.name())
    )
}

fn contents(rendered: &Rendered) -> String {
    let listed = rendered.contents.iter().filter(|(level, ..)| *level <= 3);
    let items: String = listed
        .map(|(level, anchor, text)| {
            format!("<li class=\"l{level}\"><a href=\"#{anchor}\">{}</a></li>", escape(text))
        })
        .collect();
    if items.is_empty() {
        return String::new();
    }
    format!("<aside><h2>On this page</h2><ul>{items}</ul></aside>\n")
}

fn of(pages: &[Page], kind: Kind) -> impl Iterator<Item = &Page> {
    pages.iter().filter(move |page| page.kind == kind)
}

/// Up to the end of the first sentence, or of its first part; without the stop.
fn first_sentence(text: &str) -> &str {
    let ends = text.match_indices(['.', ';', ':']).map(|(place, _)| place);
    let mut ends = ends.filter(|&place| text[place + 1..].starts_with(char::is_whitespace));
    ends.next().map_or(text.trim_end_matches('.'), |end| &text[..end])
}

/// Markdown's words without links, since the card is one: `[jitter]` is `jitter`.
fn plain(markdown: &str) -> String {
    let mut text = String::new();
    html::push_html(&mut text, Parser::new_ext(markdown, options()));
    let mut inside = false;
    let shown = text.chars().filter(|&char| {
        let tag = char == '<' || inside;
        inside = tag && char != '>';
        !tag
    });
    shown.collect::<String>().trim().replace(['[', ']'], "")
}
