//! From Markdown to HTML, a page at a time.

use std::collections::{BTreeSet, HashMap};

use pulldown_cmark::{
    CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html,
};

use crate::console::{self, Terminal, escape};
use crate::glossary::{self, Glossary};
use crate::links::{Links, Target, file_of, is_picture};
use crate::pages::Page;
use crate::search::Section;

/// How Markdown is read, here and wherever it is looked at.
pub fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH
}

/// A page's HTML, and what was found on the way.
#[derive(Debug, Default)]
pub struct Rendered {
    pub html: String,
    /// Headings of level 2 and 3: level, anchor, text.
    pub contents: Vec<(u8, String, String)>,
    pub sections: Vec<Section>,
    /// Files of the project that the page shows or points to.
    pub files: BTreeSet<String>,
}

/// # Errors
/// One line: a link of the page leads to no file.
pub fn render(page: &Page, links: &Links, glossary: Option<&Glossary>) -> Result<Rendered, String> {
    let mut writer = Writer::new(page, links, glossary);
    let mut events = Vec::new();
    for event in Parser::new_ext(&page.text, options()) {
        writer.event(event, &mut events)?;
    }
    html::push_html(&mut writer.rendered.html, events.into_iter());
    Ok(writer.rendered)
}

struct Writer<'a> {
    page: &'a Page,
    links: &'a Links<'a>,
    glossary: Option<&'a Glossary>,
    rendered: Rendered,
    /// How often an anchor was wanted: the second `steps` is `steps-1`.
    anchors: HashMap<String, usize>,
    /// The heading that is being read: its level, what stands in it, its text.
    heading: Option<(HeadingLevel, Vec<Event<'a>>, String)>,
    /// The code block that is being read: its language, its text.
    block: Option<(CowStr<'a>, String)>,
    /// The terminal of the next block.
    terminal: Option<Terminal>,
    /// For each open link whether it is shown as one.
    open_links: Vec<bool>,
}

impl<'a> Writer<'a> {
    fn new(page: &'a Page, links: &'a Links<'a>, glossary: Option<&'a Glossary>) -> Writer<'a> {
        let first = Section::new(page, String::new(), String::new());
        Writer {
            page,
            links,
            glossary,
            rendered: Rendered { sections: vec![first], ..Rendered::default() },
            anchors: HashMap::new(),
            heading: None,
            block: None,
            terminal: None,
            open_links: Vec::new(),
        }
    }

    fn event(&mut self, event: Event<'a>, events: &mut Vec<Event<'a>>) -> Result<(), String> {
        if let (Event::Text(text) | Event::Code(text), None) = (&event, &self.heading) {
            self.found(text);
        }
        match event {
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language,
                    CodeBlockKind::Indented => "".into(),
                };
                self.block = Some((language, String::new()));
            }
            Event::Text(text) if self.block.is_some() => {
                if let Some((_, block)) = &mut self.block {
                    *block += &text;
                }
            }
            Event::End(TagEnd::CodeBlock) => {
                let Some((language, text)) = self.block.take() else { return Ok(()) };
                let html = match self.terminal.take() {
                    Some(terminal) => console::html(&terminal, &text),
                    None => console::plain(&language, &text),
                };
                events.push(Event::Html(html.into()));
                self.found("\n");
            }
            Event::Start(Tag::Heading { level, .. }) => {
                self.heading = Some((level, Vec::new(), String::new()));
            }
            Event::End(TagEnd::Heading(_)) => self.end_heading(events),
            // A wide table is moved by itself, and not the page with it.
            Event::Start(Tag::Table(columns)) => {
                events.push(Event::Html("<div class=\"table\">".into()));
                events.push(Event::Start(Tag::Table(columns)));
            }
            Event::End(TagEnd::Table) => {
                events.push(Event::End(TagEnd::Table));
                events.push(Event::Html("</div>\n".into()));
            }
            Event::Start(Tag::Link { dest_url, .. }) => {
                let opened = self.link(&dest_url)?;
                self.open_links.push(opened.is_some());
                self.push(events, opened.map(|opened| Event::InlineHtml(opened.into())));
            }
            Event::End(TagEnd::Link) => {
                let shown = self.open_links.pop() == Some(true);
                self.push(events, shown.then(|| Event::InlineHtml("</a>".into())));
            }
            Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
                let dest_url = match self.links.resolve(&self.page.path, &dest_url)? {
                    Target::File(path) => {
                        let file = file_of(&path);
                        self.rendered.files.insert(path);
                        file.into()
                    }
                    _ => dest_url,
                };
                events.push(Event::Start(Tag::Image { link_type, dest_url, title, id }));
            }
            // A comment is for those who read the source. The terminal's is for the next block.
            Event::Html(html) | Event::InlineHtml(html)
                if html.trim_start().starts_with("<!--") =>
            {
                self.terminal = Terminal::of(&html).or(self.terminal.take());
            }
            Event::Html(html) if html.trim().is_empty() => {}
            other => self.push(events, Some(other)),
        }
        Ok(())
    }

    /// To the heading that is being read, or to the page.
    fn push(&mut self, events: &mut Vec<Event<'a>>, event: Option<Event<'a>>) {
        let Some(event) = event else { return };
        match &mut self.heading {
            Some((_, inside, text)) => {
                if let Event::Text(part) | Event::Code(part) = &event {
                    *text += part;
                }
                inside.push(event);
            }
            None => events.push(event),
        }
    }

    /// Text to be found by a search.
    fn found(&mut self, text: &str) {
        if let Some(section) = self.rendered.sections.last_mut() {
            section.text += text;
            section.text += " ";
        }
    }

    fn end_heading(&mut self, events: &mut Vec<Event<'a>>) {
        let Some((level, inside, text)) = self.heading.take() else { return };
        let anchor = self.anchor(&text);
        if level == HeadingLevel::H1 {
            // The layout shows the title.
            return;
        }
        let inner = {
            let mut inner = String::new();
            html::push_html(&mut inner, inside.into_iter());
            inner
        };
        events.push(Event::Html(
            format!(
                "<{level} id=\"{anchor}\">{inner}<a class=\"anchor\" href=\"#{anchor}\" \
                 aria-label=\"Link to this section\">#</a></{level}>\n"
            )
            .into(),
        ));
        self.rendered.contents.push((level as u8, anchor.clone(), text.clone()));
        self.rendered.sections.push(Section::new(self.page, anchor, text));
    }

    /// As GitHub makes them, so that a link holds there and here.
    fn anchor(&mut self, heading: &str) -> String {
        let anchor = glossary::anchor(heading);
        let times = self.anchors.entry(anchor.clone()).or_default();
        *times += 1;
        if *times == 1 { anchor } else { format!("{anchor}-{}", *times - 1) }
    }

    /// The opening tag of a link; none where it leads to what is left out.
    fn link(&mut self, address: &str) -> Result<Option<String>, String> {
        let href = match self.links.resolve(&self.page.path, address)? {
            Target::LeftOut => return Ok(None),
            Target::Same => address.to_owned(),
            Target::Page(href) => href,
            Target::File(path) => {
                let file = file_of(&path);
                let class = if is_picture(&path) { "" } else { " class=\"source\"" };
                self.rendered.files.insert(path);
                return Ok(Some(format!("<a href=\"{}\"{class}>", escape(&file))));
            }
        };
        let term = href.strip_prefix("glossary.html#");
        let meaning = term.and_then(|anchor| self.glossary?.meaning(anchor));
        Ok(Some(match meaning {
            Some(meaning) => format!(
                "<a class=\"term\" href=\"{}\" title=\"{}\">",
                escape(&href),
                escape(&meaning)
            ),
            None => format!("<a href=\"{}\">", escape(&href)),
        }))
    }
}
