//! One page that needs nothing else: the drawing, and the events of the arrow that is pointed at.

use std::collections::BTreeSet;

use crate::look::{escape, words};
use crate::model::{Mark, Run};
use crate::scale::length;
use crate::svg;

const STYLE: &str = "\
:root{color-scheme:light dark}body{margin:0;background:light-dark(#fff,#14181d);color:light-dark(#1d2733,#e4e8ec);\
font:16px/1.5 system-ui,-apple-system,'Segoe UI',sans-serif}\
main{max-width:1240px;margin:0 auto;padding:16px;display:grid;gap:16px}\
h1{font-size:20px;line-height:1.25;margin:8px 0 0}p{margin:0;color:light-dark(#66707c,#98a2ad);max-width:70ch}\
svg.ladder{width:100%;display:block;overflow:visible;touch-action:manipulation}.p{cursor:pointer;outline:none}\
.p:is(:hover,:focus,.on) .a{stroke-width:3}.p:is(:hover,:focus,.on) .label{font-weight:700}\
aside{background:light-dark(#f4f6f8,#1c2229);border-radius:8px;padding:12px 14px;position:sticky;bottom:8px;\
max-height:45vh;overflow:auto;box-shadow:0 1px 8px #0003}\
aside h2{font-size:15px;margin:0 0 6px}aside pre{font:12px/1.45 ui-monospace,Menlo,Consolas,monospace;\
white-space:pre-wrap;overflow-wrap:anywhere;margin:0 0 8px}aside pre b{font-weight:600}\
@media(min-width:1000px){main{grid-template-columns:minmax(0,1fr) 340px}header,footer{grid-column:1/-1}\
aside{align-self:start;top:16px;bottom:auto;max-height:92vh}}";

const SCRIPT: &str = "\
const events=JSON.parse(document.getElementById('events').textContent);\
const side=document.querySelector('aside');let kept=null;\
function show(g){const [words,lines]=events[g.dataset.p];side.replaceChildren();\
const h=document.createElement('h2');h.textContent=words;side.append(h);\
for(const [program,line] of lines){const pre=document.createElement('pre');const b=document.createElement('b');\
b.textContent=program+'\\n';let text=line;try{text=JSON.stringify(JSON.parse(line),null,1).slice(2,-2)}catch{}\
pre.append(b,text);side.append(pre)}}\
function mark(g){if(kept)kept.classList.remove('on');kept=g;g.classList.add('on');show(g)}\
for(const g of document.querySelectorAll('.p')){g.addEventListener('mouseenter',()=>show(g));\
g.addEventListener('mouseleave',()=>{if(kept)show(kept)});g.addEventListener('click',()=>mark(g));\
g.addEventListener('focus',()=>mark(g))}";

/// Draws the page.
pub fn draw(run: &Run) -> String {
    let drawing = svg::drawing(run, true);
    let (svg_style, title, height) = (svg::STYLE, svg::title(run), drawing.height);
    let (body, events) = (drawing.body, events(run));
    let names: Vec<String> = run.lifelines.iter().map(|lifeline| escape(&lifeline.name)).collect();
    let (names, sum) = (names.join(", "), sum(run));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}{svg_style}</style>\n<main>\n<header><h1>{names}</h1>\n<p>{sum}</p></header>\n\
         <div><svg class=\"ladder\" role=\"img\" aria-label=\"{title}\" height=\"{height:.0}\">\n{body}</svg></div>\n\
         <aside aria-live=\"polite\"><h2>Point at an arrow, or tap it</h2>\
         <p>Here you will see the lines in which the programs told of it.</p></aside>\n</main>\n\
         <script type=\"application/json\" id=\"events\">{events}</script>\n<script>{SCRIPT}</script>\n</html>\n"
    )
}

/// The run in a sentence.
fn sum(run: &Run) -> String {
    let requests: BTreeSet<usize> = run.packets.iter().map(|packet| packet.exchange).collect();
    let dead = run.packets.iter().filter(|packet| packet.fate.is_cross()).count();
    let times = run.packets.iter().flat_map(|packet| [packet.left.at, packet.came.at]);
    let times = times.chain(run.marks.iter().map(Mark::times).flat_map(<[i64; 2]>::from));
    let (first, last) = (times.clone().min().unwrap_or(0), times.max().unwrap_or(0));
    format!(
        "{} exchanges and {} packets in {}; {dead} did not arrive. Time runs downwards, to scale.",
        requests.len(),
        run.packets.len(),
        length(last - first)
    )
}

/// For each packet its sentence and its lines, as JSON that cannot end the
/// element in which it stands.
fn events(run: &Run) -> String {
    let of = |packet: &crate::model::Packet| {
        let mut seen = BTreeSet::new();
        let lines = packet.events.iter().filter(|index| seen.insert(**index));
        let lines: Vec<_> = lines
            .filter_map(|index| run.events.get(*index))
            .map(|line| serde_json::json!([line.program, line.json]))
            .collect();
        serde_json::json!([words(packet), lines])
    };
    let all: Vec<_> = run.packets.iter().map(of).collect();
    serde_json::Value::from(all).to_string().replace('<', "\\u003c")
}
