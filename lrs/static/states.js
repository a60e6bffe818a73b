// A slider over the states of a person: it stops where the state changes, and leads to why it was so then.
"use strict";

const figure = document.getElementById("states");
const REMEMBERED = "laurel-slider";

function slider() {
  const points = [...figure.querySelectorAll("a[data-at]")].map((one) => ({
    href: one.getAttribute("href"), label: one.getAttribute("aria-label"), at: new Date(one.dataset.at),
  }));
  const now = { href: figure.dataset.now, label: figure.dataset.today, at: new Date() };
  const every = [...points, now].sort((a, b) => a.at - b.at);
  if (every.length < 2) return;
  const asked = figure.dataset.at ? new Date(figure.dataset.at) : null;
  const here = asked ? Math.max(0, every.findLastIndex((one) => one !== now && one.at <= asked)) : every.indexOf(now);
  const input = document.createElement("input");
  Object.assign(input, { type: "range", min: 0, max: every.length - 1, step: 1, value: here });
  input.setAttribute("aria-label", figure.dataset.words);
  const said = document.createElement("output");
  const say = () => {
    said.textContent = every[input.value].label;
    input.setAttribute("aria-valuetext", said.textContent);
  };
  let waiting = 0;
  input.addEventListener("input", () => {
    say();
    clearTimeout(waiting);
  });
  input.addEventListener("change", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if (Number(input.value) === here) return;
      sessionStorage.setItem(REMEMBERED, "yes");
      location.assign(every[input.value].href);
    }, 500);
  });
  say();
  figure.append(input, said);
  if (sessionStorage.getItem(REMEMBERED)) input.focus({ preventScroll: true });
  sessionStorage.removeItem(REMEMBERED);
}

if (figure) slider();
