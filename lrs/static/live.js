// The live tail: asks for what is newer, holds it back while somebody reads. Without this script a link looks again.
"use strict";

const watch = document.getElementById("watch");
const tail = document.getElementById("tail");
const pause = document.getElementById("pause");
const pill = document.getElementById("held");
const said = document.getElementById("said");
const MOST = 200; // lines that the page keeps
const OVERLAP = 10000; // milliseconds: what was stored a little earlier may become visible a little later
const QUICK = 2000;
const SLOW = 20000;
const PATIENT = 120000; // without news for so long, the server is asked less often

const keys = new Set([...tail.querySelectorAll("[data-key]")].map((one) => one.dataset.key));
let newest = new Date(tail.querySelector("[data-at]")?.dataset.at ?? watch.dataset.now);
let lastNews = Date.now();
let held = [];
let paused = false;

function piece(tag, words, kind) {
  const element = document.createElement(tag);
  element.textContent = words;
  if (kind) element.className = kind;
  return element;
}

function link(path, words, kind) {
  const element = piece("a", words, kind);
  element.href = path;
  return element;
}

function rowOf(one) {
  const row = document.createElement("li");
  row.append(piece("span", one.word, `pill ${one.tone}`));
  row.append(link(one.path, [one.who, one.did, one.what].filter(Boolean).join(" ")));
  if (one.place) row.append(piece("code", one.place));
  for (const each of one.counts) {
    row.append(each.path ? link(each.path, each.text, `pill ${each.tone}`) : piece("span", each.text, `pill ${each.tone}`));
  }
  const from = [one.client, one.store === one.client ? "" : one.store, one.at_text].filter(Boolean);
  row.append(piece("span", from.join(" · "), "end"));
  return row;
}

function isRead() {
  return paused || tail.matches(":hover") || tail.contains(document.activeElement);
}

function show() {
  if (held.length) document.getElementById("empty")?.remove();
  for (const one of held) tail.prepend(rowOf(one));
  held = [];
  pill.hidden = true;
  while (tail.children.length > MOST) tail.lastElementChild.remove();
}

async function ask() {
  const url = new URL(watch.dataset.from, location.href);
  url.searchParams.set("since", new Date(newest - OVERLAP).toISOString());
  url.searchParams.set("limit", "200");
  const answer = await fetch(url, { headers: { Accept: "application/json" } });
  if (answer.redirected || answer.status === 401) return "out";
  if (!answer.ok) return "broken";
  const fresh = (await answer.json()).items.filter((one) => !keys.has(one.key)).reverse();
  for (const one of fresh) {
    keys.add(one.key);
    newest = new Date(Math.max(newest, new Date(one.at)));
  }
  if (fresh.length) lastNews = Date.now();
  held.push(...fresh);
  if (held.length > MOST) held = held.slice(-MOST);
  return "waiting";
}

async function round() {
  let found = "waiting";
  if (!document.hidden && !paused) {
    found = await ask().catch(() => "broken");
    said.textContent = said.dataset[found];
    if (held.length && !isRead()) show();
    pill.hidden = !held.length;
    pill.textContent = pill.dataset.one.replace("#", held.length);
  }
  if (found !== "out") setTimeout(round, Date.now() - lastNews > PATIENT || found === "broken" ? SLOW : QUICK);
}

pause.hidden = false;
document.getElementById("again").hidden = true;
pause.addEventListener("click", () => {
  paused = !paused;
  pause.setAttribute("aria-pressed", String(paused));
  if (!paused) show();
});
pill.addEventListener("click", show);
setTimeout(round, QUICK);
