// The editor of rules: what the engine's checker says, while somebody types. Without this script the buttons do it.
"use strict";

const form = document.getElementById("editor");
const text = document.getElementById("text");

function made(tag, words, kind) {
  const element = document.createElement(tag);
  element.textContent = words;
  if (kind) element.className = kind;
  return element;
}

function row(...parts) {
  const element = document.createElement("li");
  element.append(...parts);
  return element;
}

// The text area, as what follows asks for it; CodeMirror takes its place where the set-up bundled it.

function offsetOf(line, column) {
  const lines = text.value.split("\n");
  const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  return Math.min(before + Math.max(column - 1, 0), text.value.length);
}

let editor = {
  place() {
    const before = text.value.slice(0, text.selectionStart).split("\n");
    return [before.length, before.at(-1).length + 1];
  },
  goTo(line, column) {
    const at = offsetOf(line, column);
    const end = text.value.indexOf("\n", at);
    text.focus();
    text.setSelectionRange(at, end < 0 ? text.value.length : end);
    const height = parseFloat(getComputedStyle(text).lineHeight);
    text.scrollTop = Math.max(0, (line - 4) * height);
  },
  replace(fix) {
    const at = offsetOf(fix.line, fix.column);
    text.setRangeText(fix.text, at, at + fix.length, "end");
    text.dispatchEvent(new Event("input", { bubbles: true }));
  },
  show() {},
};

const nonce = document.currentScript.nonce;
const known = new Map();

async function suggest(of, q) {
  const key = `${of} ${q}`;
  if (!known.has(key)) {
    const answer = await fetch(`${form.dataset.suggestions}?${new URLSearchParams({ of, q })}`);
    if (!answer.ok) return [];
    known.set(key, (await answer.json()).items);
  }
  return known.get(key);
}

async function upgrade() {
  const answer = await fetch(form.dataset.schema);
  if (!answer.ok) return;
  const label = document.querySelector("label[for=text]").textContent;
  const schema = await answer.json();
  editor = globalThis.laurelEditor.upgrade(text, { nonce, label, schema, suggest, onFix: solve, onCheck: check });
  text.addEventListener("moved", showPlace);
  check();
}

document.getElementById("panel").addEventListener("click", (event) => {
  const place = event.target.closest(".place");
  const solving = event.target.closest("[name=fix]");
  if (place) {
    event.preventDefault();
    editor.goTo(Number(place.dataset.line), Number(place.dataset.column));
  } else if (solving) {
    event.preventDefault();
    const one = latestProblems.find((each) => `${each.line}:${each.column}` === solving.value && each.fix);
    if (one) solve(one);
    else form.requestSubmit(solving);
  }
});

function solve(one) {
  editor.replace(one.fix);
  editor.goTo(one.fix.line, one.fix.column);
  check();
}

function showPlace() {
  document.getElementById("where").textContent = editor.place().join(":");
}

// What the checker said

let latestProblems = [];

function showProblems(found) {
  const word = form.dataset.line;
  latestProblems = found.problems;
  editor.show(found.problems, form.dataset.fix);
  document.getElementById("problems").replaceChildren(
    ...found.problems.map((one) => {
      const place = made("a", word.replace("{n}", one.line), "place");
      place.href = "#text";
      place.dataset.line = one.line;
      place.dataset.column = one.column;
      const said = made("span", one.message);
      if (one.fix) said.append(" ", fixing(one));
      else if (one.suggestion) said.append(" ", made("b", form.dataset.meant.replace("{word}", one.suggestion)));
      return row(place, said, made("code", one.code, "end"));
    }),
  );
}

function fixing(one) {
  const button = made("button", form.dataset.fix.replace("{word}", one.fix.text), "quiet fix");
  button.name = "fix";
  button.value = `${one.line}:${one.column}`;
  return button;
}

function showTests(found) {
  document.getElementById("cases").replaceChildren(
    ...found.tests.map((one) => {
      const name = made("span", one.name);
      for (const difference of one.differences) name.append(made("small", difference, "said"));
      const ticked = row(made("span", one.ok ? "✓" : "✕", one.ok ? "tick good" : "tick bad"), name);
      ticked.className = "ticked";
      return ticked;
    }),
  );
}

function showWords(found) {
  const parts = found.words.flatMap((one) => {
    const list = made("ul", "", "lines");
    for (const [depth, line] of one.lines) list.append(made("li", line, `d${Math.min(depth, 2)}`));
    return [made("h3", one.title), ...(one.sentence ? [made("p", one.sentence, "soft")] : []), list];
  });
  if (parts.length) document.getElementById("said").replaceChildren(...parts);
}

let latest = 0;

async function check() {
  const asked = ++latest;
  const answer = await fetch(form.dataset.check, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (!answer.ok || asked !== latest) return;
  const found = await answer.json();
  const verdict = document.getElementById("verdict");
  verdict.textContent = found.verdict;
  verdict.className = found.ok ? "" : "wrong";
  document.getElementById("plan").disabled = !found.ok;
  showProblems(found);
  showTests(found);
  showWords(found);
}

let waiting = 0;
text.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(check, 350);
});
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    check();
  }
});
if (globalThis.laurelEditor) upgrade();
for (const kind of ["keyup", "click", "focus"]) text.addEventListener(kind, showPlace);

// What was typed is not lost by a wrong click.
const first = text.value;
let leaving = false;
form.addEventListener("submit", () => { leaving = true; });
window.addEventListener("beforeunload", (event) => {
  if (!leaving && text.value !== first) event.preventDefault();
});
