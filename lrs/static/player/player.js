// The player: opens parts of a course in a frame below its own, and never leaves one before its last answer is
// saved. Nothing of the package is in this page: it asks for everything, so that no cache can bring back
// an older state.

import { loadApi, NAMES, newApi, snapshotOf } from "./scorm.js";
import { Transport } from "./transport.js";
import { makeSequencer } from "./sequencing.js";
import { Problems } from "./problems.js";
import { t, translate } from "./words.js";

const EVERY = 10_000; // milliseconds between commits of what changed
const GOODBYE = 2_000; // milliseconds for a part to say goodbye
const PATIENCE = 20_000; // milliseconds until a SCO that does not speak is talked about
const CALLS = 100;

const base = `${location.pathname.replace(/[^/]*$/, "")}`;
const $ = (id) => document.getElementById(id);

const problems = new Problems({ base, onProblem: (one) => onCall(`problem: ${one.kind}`, one.place, one.what) });
const transport = new Transport({ base, onSaved, onUnsaved, onStale, onCall, onProblem: (kind, what) => problems.tell(kind, what) });
const calls = {};
const state = { outline: null, part: null, api: null, isTerminated: false, isInitialized: false, sequencer: null, isLeft: false };

async function ask(path, body) {
  const answer = await fetch(base + path, {
    method: body === undefined ? "GET" : "POST",
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store",
  });
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(found.message ?? `the server answered ${answer.status}`), { status: answer.status });
  return found;
}

async function main() {
  translate();
  await transport.replay();
  state.outline = await ask("outline");
  document.title = state.outline.title;
  for (const id of ["title", "parts", "content"]) $(id).lang = state.outline.language || ""; // our own words are in the browser's
  $("title").textContent = state.outline.title;
  fact("Course", `${state.outline.title}, version ${state.outline.version}, SCORM ${state.outline.edition}, ${state.outline.mode}`);
  fact("Browser", navigator.userAgent);
  if (!counts()) $("saved").textContent = onlyLooking();
  if (state.outline.edition) await load(state.outline.edition);
  if (state.outline.sequencing) {
    state.sequencer = makeSequencer(state.outline, { transport, hooks, deliver, finish, leavePart, keep, current: () => state.part?.id, isTalking, onCall });
    return state.sequencer.start();
  }
  drawMenu();
  return deliver(state.outline.next ?? state.outline.parts[0].id);
}

// Says that nothing counts, and why no attempt may begin where that is so.
function onlyLooking() {
  const [, until] = /^the next attempt can begin at (.*)$/.exec(state.outline.reason) ?? [];
  const reason = until ? t("the next attempt can begin at %s", until) : t(state.outline.reason);
  return t("You are only looking: nothing counts") + (reason ? ` (${reason})` : "");
}

function counts() {
  return state.outline.mode === "normal";
}

function load(edition) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `/player/lib/${edition === "1.2" ? "scorm12" : "scorm2004"}.min.js`;
    script.onload = resolve;
    script.onerror = () => reject(new Error("the SCORM runtime is not installed on this server"));
    document.head.append(script);
  });
}

// Opens a part, after the one that is open was left in order.
async function deliver(id) {
  await leavePart();
  if (transport.unsaved) await transport.again();
  if (transport.unsaved) throw new Error(t("Your last answers have not reached the server yet."));
  const part = state.outline.parts.find((one) => one.id === id);
  const opened = await ask("open", { part: id, after: transport.run ?? 0 });
  Object.assign(state, { part, isTerminated: false, isInitialized: false });
  const { edition } = state.outline;
  if (part.asset) {
    transport.begin({ run: opened.run, part: id, snapshot: () => ({ cmi: edition === "1.2" ? { core: {} } : {} }) });
    await transport.commit("terminate");
    state.isTerminated = true;
  } else {
    state.api = state.sequencer ? state.sequencer.load(opened.cmi) : loadApi(newApi(edition, transport, hooks), opened.cmi);
    transport.begin({ run: opened.run, part: id, snapshot });
    window[NAMES[edition]] = state.api;
    fact("Interface", `${NAMES[edition]} is offered; the content has not called Initialize`);
    state.patience = setTimeout(complain, PATIENCE);
  }
  fact("Part", `${part.title} (${id}), run ${opened.run}`);
  $("content").title = part.title;
  $("content").src = opened.url;
  drawMenu();
}

const hooks = {
  onCall,
  onChange: () => transport.touch(),
  onRead,
  onMisuse: (what) => problems.tell("interface", what),
  onInitialize() {
    state.isInitialized = true;
    clearTimeout(state.patience);
    onCall("Initialize", "", "");
    transport.commit();
  },
  onTerminate() {
    state.isTerminated = true;
    onCall("Terminate", "", "");
    if (!state.isLeaving) setTimeout(() => afterTerminate().catch(fail), 0);
  },
  claim: () => state.sequencer?.claim(),
};

// Tells whether a SCO is open that began and has not ended: one that can carry a request in its goodbye.
function isTalking() {
  return state.part !== null && state.isInitialized && !state.isTerminated;
}

function keep(kept) {
  return ask("sequencing", { run: transport.run ?? 0, ...kept }).catch((error) => onCall("sequencing", "", error.message));
}

function snapshot() {
  return { cmi: snapshotOf(state.outline.edition, state.api), claim: hooks.claim() };
}

// Empties the frame, so that the part can say goodbye, and waits for it; what it did not say, we do. Returns
// whether it spoke.
async function leavePart() {
  if (state.part === null) return false;
  clearTimeout(state.patience);
  state.isLeaving = true;
  const hadSpoken = state.isTerminated;
  $("content").src = "about:blank";
  const deadline = Date.now() + GOODBYE;
  while (isTalking() && Date.now() < deadline) await pause(50);
  if (isTalking() && !transport.isStale) await transport.commit("closed");
  await transport.inFlight;
  const hasSpoken = state.isTerminated && !hadSpoken;
  delete window[NAMES[state.outline.edition]];
  Object.assign(state, { part: null, api: null, isLeaving: false });
  await refresh().catch(() => {});
  return hasSpoken;
}

async function refresh() {
  const { parts, next } = await ask("outline");
  for (const one of state.outline.parts) Object.assign(one, parts.find((part) => part.id === one.id));
  state.outline.next = next;
}

// A SCO ended by itself: its page stays, unless sequencing decided what comes next.
async function afterTerminate() {
  if (state.isLeft || transport.leaving) return;
  if (state.sequencer?.isDecided()) {
    await leavePart();
    return state.sequencer.follow();
  }
  await state.sequencer?.keep();
  await refresh().catch(() => {});
  drawMenu();
}

async function exit() {
  state.isLeft = true;
  $("exit").disabled = true;
  onUnsaved("saving");
  if (state.sequencer) await state.sequencer.suspend();
  else await leavePart();
  await transport.again();
  if (!transport.unsaved) return finish();
  return say("Not saved yet", "Your last answers have not reached the server. Stay on this page until they have.", [["Try again", exit]]);
}

async function finish() {
  if (state.part) await leavePart();
  const { url } = await ask("leave", {}).catch(() => ({}));
  const actions = url ? [["Continue", () => location.assign(url)]] : [["Close this page", () => window.close()]];
  say("Your work is saved", "You can leave this page now.", [["Open the course again", () => location.reload()], ...actions]);
  if (url) location.assign(url);
}

function onSaved(answer) {
  if (!counts()) return;
  $("saved").textContent = t("Saved at %s", new Date(answer.saved).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  $("saved").className = "";
  fact("Last commit", answer.saved);
}

function onUnsaved(reason) {
  $("saved").textContent = t("Not saved yet");
  $("saved").className = "unsaved";
  fact("Last problem", reason);
}

function onStale() {
  transport.run = null;
  say("Opened elsewhere", "This course was opened in another window or on another device. What you do here is not saved any more.", [
    ["Continue here", () => location.reload()],
  ]);
}

function complain() {
  problems.tell("interface", "the content has not called Initialize");
  $("diagnostics").open = true;
}

function say(title, text, actions) {
  $("content").hidden = true;
  $("notice").hidden = false;
  $("notice-title").textContent = t(title);
  $("notice-text").textContent = t(text);
  $("notice-actions").replaceChildren(...actions.map(([label, act]) => button(t(label), act)));
  $("notice-title").focus();
}

function button(label, act) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  made.addEventListener("click", act);
  return made;
}

const WORDS = { completed: "completed", incomplete: "begun", passed: "passed", failed: "not passed" };

function drawMenu() {
  const parts = state.outline.parts.filter((one) => one.visible);
  const hasSeveral = parts.length > 1;
  $("menu-button").hidden = !hasSeveral;
  $("next").hidden = state.sequencer ? !state.sequencer.may("continue") : !following(1);
  $("previous").hidden = state.sequencer ? !state.sequencer.may("previous") : !following(-1);
  $("parts").replaceChildren(
    ...parts.map((one) => {
      const item = document.createElement("li");
      const word = WORDS[one.success] ?? WORDS[one.completion];
      const made = button(word ? `${one.title} (${t(word)})` : one.title, () => choose(one.id));
      if (one.id === state.part?.id) made.setAttribute("aria-current", "page");
      made.disabled = state.sequencer ? !state.sequencer.may("choice", one.id) : false;
      item.append(made);
      return item;
    }),
  );
}

function following(step) {
  const parts = state.outline.parts.filter((one) => one.visible);
  const place = parts.findIndex((one) => one.id === state.part?.id);
  return place < 0 ? undefined : parts[place + step];
}

function choose(id) {
  showMenu(false);
  return (state.sequencer ? state.sequencer.request("choice", id) : deliver(id)).catch(fail);
}

function step(request, direction) {
  if (state.sequencer) return state.sequencer.request(request).catch(fail);
  const part = following(direction);
  return part ? deliver(part.id).catch(fail) : undefined;
}

function showMenu(isShown) {
  $("menu").hidden = !isShown;
  $("menu-button").setAttribute("aria-expanded", String(isShown));
}

function fact(name, value) {
  const list = $("facts");
  let found = [...list.querySelectorAll("dt")].find((one) => one.textContent === name);
  if (!found) {
    found = document.createElement("dt");
    found.textContent = name;
    list.append(found, document.createElement("dd"));
  }
  found.nextElementSibling.textContent = value;
}

function onRead(element) {
  count("GetValue");
  fact("Last read", element);
}

function count(name) {
  calls[name] = (calls[name] ?? 0) + 1;
  fact("Calls", Object.entries(calls).map(([each, number]) => `${each} ${number}`).join(", "));
}

function onCall(name, element, value) {
  count(name);
  const line = document.createElement("li");
  line.textContent = `${new Date().toLocaleTimeString()} ${name} ${element} ${value}`;
  $("calls").prepend(line);
  if ($("calls").children.length > CALLS) $("calls").lastElementChild.remove();
  if (name === "Initialize") fact("Interface", `${NAMES[state.outline.edition]} was found and initialized`);
}

// Puts what the diagnostics show where support can have it pasted.
async function copy() {
  const facts = [...$("facts").querySelectorAll("dt")].map((name) => `${name.textContent}: ${name.nextElementSibling.textContent}`);
  const lines = [...$("calls").children].map((line) => line.textContent);
  try {
    await navigator.clipboard.writeText([...facts, ...lines].join("\n"));
    $("copied").textContent = t("Copied");
  } catch {
    getSelection().selectAllChildren($("diagnostics")); // whoever may not write there copies by hand
    $("copied").textContent = t("Selected: copy it by hand");
  }
}

function fail(error) {
  const isOver = [403, 404, 409].includes(error.status);
  say(isOver ? "This launch is over" : "The course cannot be opened", isOver ? "Open the course again from where you started it." : error.message, [
    ["Try again", () => location.reload()],
  ]);
  fact("Last problem", error.message);
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function commitIfDirty() {
  if (transport.isDirty && transport.run !== null && !state.isTerminated && state.api) transport.commit();
}

setInterval(commitIfDirty, EVERY);
document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && commitIfDirty());
addEventListener("pagehide", () => {
  if (state.part && state.isInitialized && !state.isTerminated) transport.leave();
  transport.leaving = true;
});
addEventListener("pageshow", (event) => event.persisted && location.reload());
problems.watch(window);
$("copy").addEventListener("click", copy);
$("exit").addEventListener("click", () => exit().catch(fail));
$("next").addEventListener("click", () => step("continue", 1));
$("previous").addEventListener("click", () => step("previous", -1));
$("menu-button").addEventListener("click", () => showMenu($("menu").hidden));
addEventListener("keydown", (event) => event.key === "Escape" && showMenu(false));

main().catch(fail);
