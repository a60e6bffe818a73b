// H5P content: run by h5p-standalone; what it reports is completed and stored by the server.

import { Problems } from "./problems.js";
import { t, translate } from "./words.js";

const base = location.pathname.replace(/[^/]*$/, "");
const $ = (id) => document.getElementById(id);
const page = crypto.randomUUID();
const EVERY = 10_000; // milliseconds between looks at what changed
const waiting = [];
let serial = 0;
let isSending = false;
let kept = null;
let counts = false;

function report(statement) {
  serial += 1;
  waiting.push(JSON.stringify({ serial: `${page}-${serial}`, statement }));
  send();
}

// Sends one report after the other; what does not arrive is tried again, and the same report is stored once.
async function send() {
  if (isSending) return;
  isSending = true;
  while (waiting.length > 0) {
    try {
      const answer = await fetch(`${base}report`, { method: "POST", headers: { "Content-Type": "application/json" }, body: waiting[0], keepalive: waiting[0].length < 60_000 });
      if (answer.status >= 500) throw new Error(`${answer.status}`);
      waiting.shift();
      $("saved").textContent = t("Saved");
    } catch {
      $("saved").textContent = t("Not saved yet");
      problems.tell("saving", "a report did not arrive");
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
  isSending = false;
}

// Keeps where the learner is, when that changed: what each of the content's parts says of itself.
async function keepState() {
  const now = JSON.stringify(H5P.instances[0]?.getCurrentState?.() ?? null);
  if (now === "null" || now === kept || !counts) return;
  const before = kept;
  kept = now;
  const sent = fetch(`${base}state`, { method: "POST", headers: { "Content-Type": "application/json" }, body: now, keepalive: now.length < 60_000 });
  await sent.catch(() => (kept = before)); // tried again with the next change or turn
}

async function exit() {
  await keepState();
  const deadline = Date.now() + 5000;
  while (waiting.length > 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 50));
  if (waiting.length > 0) return;
  const { url } = await (await fetch(`${base}leave`, { method: "POST" })).json();
  if (url) location.assign(url);
  $("h5p").replaceChildren(`${t("Your work is saved")}. ${t("You can leave this page now.")}`);
}

const problems = new Problems({ base });
problems.watch(window);

async function main() {
  translate();
  const outline = await (await fetch(`${base}outline`, { cache: "no-store" })).json();
  document.title = outline.title;
  $("title").textContent = outline.title;
  if (!outline.counts) $("saved").textContent = t("You are only looking: nothing counts");
  $("exit").addEventListener("click", exit);
  await new H5PStandalone.H5P($("h5p"), {
    h5pJsonPath: outline.folder,
    frameJs: "/player/lib/frame.bundle.js",
    frameCss: "/player/lib/styles/h5p.css",
    embedType: "div",
    xAPIObjectIRI: outline.course,
    // The actor it makes up is replaced by the server, so it is told no user; and without one it saves nowhere
    // itself. It reads a state only where it thinks that it saves.
    saveFreq: EVERY / 1000,
    contentUserData: outline.state ? [{ state: outline.state }] : undefined,
  });
  kept = outline.state;
  counts = outline.counts;
  setInterval(keepState, EVERY);
  document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && keepState());
  addEventListener("pagehide", keepState);
  H5P.externalDispatcher.on("xAPI", (event) => outline.counts && report(event.data.statement));
}

main().catch((error) => {
  $("h5p").textContent = error.message;
  problems.tell("script", error.message, "/player/h5p.js");
});
