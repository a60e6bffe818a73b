// Forms of instructors that outlive a missing net: kept on the device, sent later, taken exactly once.
// Every form works without this script, as it does where browsers give no worker (without HTTPS). With it, the
// ids of what is written are made when the form is sent, once, and go along however often it is tried.
"use strict";

const place = document.getElementById("queue");
const words = place.dataset;
const CACHE = "laurel-instructor";

function opened() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(CACHE, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("forms", { keyPath: "key", autoIncrement: true });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

// Runs one request on the kept forms; resolves when it is on the disk.
async function forms(mode, act) {
  const db = await opened();
  return new Promise((resolve, reject) => {
    const transaction = db.transaction("forms", mode, { durability: "strict" });
    const asked = act(transaction.objectStore("forms"));
    transaction.oncomplete = () => { db.close(); resolve(asked.result); };
    transaction.onabort = () => { db.close(); reject(transaction.error); };
  });
}

const kept = async () => (await forms("readonly", (store) => store.getAll())).filter((one) => one.user === words.user);

// Tries one form: "sent", "later" (no net, or the server is busy), "login", or "refused" with the reason.
async function send(form) {
  const body = new FormData();
  for (const [name, value] of form.fields) body.append(name, value);
  body.set("csrf", words.csrf);
  let answer;
  try {
    answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json" }, redirect: "manual" });
  } catch {
    return { now: "later" };
  }
  if (answer.ok) return { now: "sent", ...(await answer.json()) };
  if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) return { now: "login" };
  if (answer.status >= 500 || answer.status === 429) return { now: "later" };
  const told = await answer.json().catch(() => ({ message: answer.statusText }));
  return { now: "refused", why: told.message };
}

async function show(state) {
  const all = await kept();
  const refused = all.filter((one) => one.refused);
  const waiting = all.length - refused.length;
  const kind = state === "login" ? words.login : waiting ? words.kept.replace("{n}", waiting) : state === "sent" ? words.sent : "";
  place.hidden = !all.length && state !== "sent";
  place.querySelector("p").textContent = kind;
  place.querySelector("ul").replaceChildren(...refused.map((one) => {
    const row = document.createElement("li");
    const drop = document.createElement("button");
    drop.type = "button";
    drop.className = "quiet";
    drop.textContent = words.drop;
    drop.addEventListener("click", async () => { await forms("readwrite", (store) => store.delete(one.key)); show(); });
    row.append(`${one.title}: ${words.refused} ${one.refused}`, drop);
    return row;
  }));
}

// Sends what waits, in order; one tab does it at a time. Returns what came of the form `own`.
async function flush(own) {
  let state, result;
  await navigator.locks.request(CACHE, async () => {
    for (const form of (await kept()).filter((one) => !one.refused)) {
      const came = await send(form);
      state = came.now;
      if (form.key === own) result = came;
      if (came.now === "sent") await forms("readwrite", (store) => store.delete(form.key));
      else if (came.now === "refused") await forms("readwrite", (store) => store.put({ ...form, refused: came.why }));
      else break;
    }
  });
  await show(state);
  return result;
}

async function keep(form) {
  form.elements.namedItem("at").value = new Date().toISOString();
  const fields = [...new FormData(form)].map(([name, value]) => [name, name.startsWith("id.") ? crypto.randomUUID() : value]);
  const made = { user: words.user, action: form.getAttribute("action"), title: form.dataset.queue, fields };
  return forms("readwrite", (store) => store.add(made));
}

function begin() {
  // The one script that these pages may start besides.
  const policy = window.trustedTypes?.createPolicy("laurel", { createScriptURL: () => words.worker });
  navigator.serviceWorker.register(policy ? policy.createScriptURL("") : words.worker, { scope: "/instructor" });
  for (const form of document.querySelectorAll("form[data-queue]")) {
    form.addEventListener("submit", async (event) => {
      if (!form.querySelector("input[name=person]:checked:enabled")) return; // the server says what is missing
      event.preventDefault();
      const button = form.querySelector("button[type=submit]");
      if (button.disabled) return;
      button.disabled = true;
      const came = await flush(await keep(form));
      button.disabled = false;
      if (came?.now === "sent") return location.assign(came.onward);
      if (came?.now !== "refused") form.reset();
      place.scrollIntoView({ block: "center" });
    });
  }
  window.addEventListener("online", () => flush());
  setInterval(flush, 30000);
  flush();
  // What was kept to look at goes with whoever logs out; what waits to be sent stays, for them alone.
  document.querySelector("form[action='/logout']")?.addEventListener("submit", () => { caches.delete(CACHE); });
}

if (window.isSecureContext && navigator.serviceWorker && navigator.locks) begin();
