// Search, the menu of a narrow screen, light and dark, and copying commands.
// Without this script every page can still be read.
"use strict";

const root = document.documentElement;
const remembered = (key, value) => {
  // Some browsers keep nothing for pages that are files.
  try {
    if (value !== undefined) localStorage.setItem(key, value);
    return localStorage.getItem(key);
  } catch {
    return null;
  }
};

if (remembered("theme")) root.dataset.theme = remembered("theme");
document.getElementById("theme").onclick = () => {
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  remembered("theme", root.dataset.theme);
};

const menu = document.getElementById("menu");
menu.onclick = () => {
  const open = document.body.classList.toggle("menu");
  menu.setAttribute("aria-expanded", open);
};

// The page that is read is in sight in the list of all pages.
const here = document.querySelector("nav [aria-current]");
if (here) here.closest("nav").scrollTop = here.offsetTop - innerHeight / 2;

// What is typed in a terminal is copied without its prompts.
for (const block of document.querySelectorAll("figure.console")) {
  const commands = [...block.querySelectorAll(".typed")]
    .filter((line) => !line.querySelector("kbd"))
    .map((line) => line.textContent.slice(line.querySelector("i")?.textContent.length ?? 0));
  if (!commands.length || !navigator.clipboard) continue;
  const button = document.createElement("button");
  button.textContent = "copy";
  button.onclick = async () => {
    await navigator.clipboard.writeText(commands.join("\n") + "\n");
    button.textContent = "copied";
    setTimeout(() => (button.textContent = "copy"), 1500);
  };
  block.querySelector("figcaption").append(button);
}

const box = document.querySelector("#search input");
const list = document.querySelector("#search ol");
const escaped = (text) => text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
const pattern = (words) =>
  new RegExp(words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"), "gi");

// The sections that have every word, best first: a word in a heading is worth
// more than in the text, a whole word more than a part.
function find(words) {
  const whole = words.map((word) => new RegExp(`(^|\\W)${pattern([word]).source}(\\W|$)`, "i"));
  const scored = [];
  for (const [file, page, anchor, heading, text] of INDEX) {
    let score = 0;
    const title = (heading || page).toLowerCase(), body = text.toLowerCase();
    const all = words.every((word, at) => {
      const inTitle = title.includes(word), inBody = body.includes(word);
      score += (inTitle ? 20 : 0) + (inBody ? 2 : 0);
      score += (whole[at].test(title) ? 20 : 0) + (whole[at].test(body) ? 3 : 0);
      return inTitle || inBody;
    });
    if (all) scored.push({ score: score - text.length / 4000, file, page, anchor, heading, text });
  }
  return scored.sort((a, b) => b.score - a.score).slice(0, 20);
}

// The words with what stands around the first of them.
function around(text, words) {
  const at = Math.max(0, text.search(pattern(words)));
  const from = Math.max(0, text.lastIndexOf(" ", Math.max(0, at - 50)));
  const piece = (from ? "…" : "") + text.slice(from, from + 160) + (text.length > from + 160 ? "…" : "");
  return escaped(piece).replace(pattern(words.map(escaped)), "<mark>$&</mark>");
}

function search() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = words.length ? find(words) : [];
  list.innerHTML = found
    .map(({ file, page, anchor, heading, text }) => {
      const where = anchor ? `${file}#${anchor}` : file;
      const place = heading ? `<small>${escaped(page)}</small>` : "";
      return `<li><a href="${where}"><b>${escaped(heading || page)}</b>${place}<p>${around(text, words)}</p></a></li>`;
    })
    .join("");
  if (words.length && !found.length) list.innerHTML = "<li class=nothing>Nothing has all these words.</li>";
}

box.oninput = search;
// index.html?q=jitter is a search that can be linked to.
box.value = new URLSearchParams(location.search).get("q") ?? "";
if (box.value) search();
document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName);
  const links = [...list.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement);
  if (event.key === "/" && !typing) {
    box.focus();
  } else if (event.key === "Escape") {
    box.value = "";
    search();
    box.blur();
    document.body.classList.remove("menu");
  } else if (event.key === "Enter" && typing && links.length) {
    links[0].click();
    box.value = "";
    search();
  } else if (event.key === "ArrowDown" && (typing || at >= 0) && links[at + 1]) {
    links[at + 1].focus();
  } else if (event.key === "ArrowUp" && at >= 0) {
    (links[at - 1] || box).focus();
  } else {
    return;
  }
  event.preventDefault();
});
document.addEventListener("click", (event) => {
  if (!event.target.closest("#search")) list.innerHTML = "";
});

// The section that is being read is marked in the page's contents.
const entries = new Map(
  [...document.querySelectorAll("aside a")].map((link) => [link.getAttribute("href").slice(1), link]),
);
const headings = [...document.querySelectorAll("article h2, article h3")].filter((h) => entries.has(h.id));
function mark() {
  let current = null;
  for (const heading of headings) if (heading.getBoundingClientRect().top < 120) current = heading;
  for (const [id, link] of entries) link.classList.toggle("here", current?.id === id);
}
addEventListener("scroll", mark, { passive: true });
mark();
