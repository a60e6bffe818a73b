// What makes the console quicker for those who have scripts; every page and form works without.
"use strict";

const search = document.getElementById("search");

// On a phone the menu is wider than the page: show where one is.
document.querySelector(".tabbed [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// `/` goes to the search field, unless somebody is typing; Ctrl K (or Command K) goes there in any case.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
  const slash = event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey;
  const palette = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
  if (search && (slash || palette)) {
    event.preventDefault();
    search.focus();
    search.select();
    if (palette) search.dispatchEvent(new Event("input"));
  }
  if (event.key === "Escape") {
    document.querySelector(".hits")?.remove();
    document.querySelectorAll("details.me[open]").forEach((one) => one.removeAttribute("open"));
  }
});

document.addEventListener("click", (event) => {
  document.querySelectorAll("details.me[open]").forEach((one) => {
    if (!one.contains(event.target)) one.removeAttribute("open");
  });
  if (!event.target.closest?.(".seek")) document.querySelector(".hits")?.remove();
});

// What fits the words, under the search field; arrows walk through it.
function made(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

function showHits(form, items) {
  form.querySelector(".hits")?.remove();
  if (!items.length) return;
  const list = document.createElement("ul");
  list.className = "hits";
  for (const item of items) {
    const link = document.createElement("a");
    link.href = item.path;
    link.append(made("b", item.title), made("small", item.kind), made("small", item.detail));
    const row = document.createElement("li");
    row.append(link);
    list.append(row);
  }
  form.append(list);
}

if (search) {
  let waiting = 0;
  let latest = "";
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    const words = (latest = search.value.trim());
    if (words.length === 1) return showHits(search.form, []);
    waiting = setTimeout(async () => {
      const answer = await fetch(`/console/search.json?q=${encodeURIComponent(words)}`);
      if (answer.ok && words === latest) showHits(search.form, (await answer.json()).items);
    }, 180);
  });
  search.form.addEventListener("keydown", (event) => {
    if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const stops = [search, ...search.form.querySelectorAll(".hits a")];
    const step = event.key === "ArrowDown" ? 1 : -1;
    const next = stops[stops.indexOf(document.activeElement) + step];
    if (next) {
      event.preventDefault();
      next.focus();
    }
  });
}

// The names of time zones come from the browser, that of the place where it is first.
document.getElementById("timezone")?.addEventListener("focus", (event) => {
  const list = document.getElementById("timezones");
  if (list.children.length) return;
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  for (const name of [here, "UTC", ...Intl.supportedValuesOf("timeZone")]) {
    const option = document.createElement("option");
    option.value = name;
    list.append(option);
  }
  event.target.select();
});

// Instants are written in the zone that somebody chose; the tooltip says what time that is here.
for (const one of document.querySelectorAll("time[datetime*='T']")) {
  const at = new Date(one.dateTime);
  if (!Number.isNaN(at.valueOf())) one.title = at.toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
}

// Choosing in a filter is enough; the button stays for those without a mouse.
for (const form of document.querySelectorAll("form.find[role=search]")) {
  form.addEventListener("change", (event) => {
    if (event.target.matches("select")) form.requestSubmit();
  });
}

// An action of the palette leads to a form that lies folded.
if (location.hash === "#new") document.getElementById("new")?.setAttribute("open", "");

// The entry of the menu that is open stands in sight, also where the menu is a strip.
document.querySelector(".side a[aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

// What the server works at is looked at again after some seconds.
for (const one of document.querySelectorAll("[data-reload]")) {
  setTimeout(() => location.reload(), 1000 * Number(one.dataset.reload));
}

// A file on its way shows how far it is; without scripts the browser does in its own manner.
for (const form of document.querySelectorAll("form.upload")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const bar = form.querySelector("progress");
    const sending = new XMLHttpRequest();
    bar.classList.remove("away");
    form.querySelector("button").disabled = true;
    sending.upload.addEventListener("progress", (at) => { bar.value = at.total ? at.loaded / at.total : 0; });
    sending.addEventListener("load", () => {
      if (sending.status < 400) location.assign(sending.responseURL);
      else form.submit();
    });
    sending.addEventListener("error", () => form.submit());
    sending.open("POST", form.action);
    sending.send(new FormData(form));
  });
}

// What is to be used elsewhere is copied by a button, which is only there where it works.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = button.dataset.done;
  });
}

// A sheet is printed by the browser; without scripts by its own menu.
for (const one of document.querySelectorAll("button.print")) {
  one.hidden = false;
  one.addEventListener("click", () => print());
}
