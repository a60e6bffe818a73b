// Commits: numbered snapshots of one run to the server, and what to do while there is no server.
//
// A commit is answered only when it is durable. While the page lives it goes out as a plain request without a
// limit of size. When the page goes it goes out with `keepalive`, which browsers limit to 64 KiB: then it is
// cut down to what changed since the last answer, and a copy waits in this tab for the page to come back.

const KEEPALIVE = 60_000; // bytes
const RETRY = [2_000, 5_000, 15_000, 30_000]; // milliseconds

export class Transport {
  constructor({ base, onSaved, onUnsaved, onStale, onCall, onProblem }) {
    Object.assign(this, { base, onSaved, onUnsaved, onStale, onCall, onProblem });
    this.leaving = false;
    this.run = null;
  }

  // Begins a run; `snapshot` returns {cmi, claim} of the moment.
  begin({ run, part, snapshot }) {
    this.stopRetrying();
    Object.assign(this, { run, part, snapshot, sequence: 0, acknowledged: null, isDirty: false, isStale: false });
    Object.assign(this, { unsaved: null, inFlight: Promise.resolve() });
  }

  touch() {
    this.isDirty = true;
  }

  // Commits at once and waits for the answer: what SCOs expect of Commit and Terminate. While the content's page
  // goes away browsers let nobody wait; then the answer is that it is on its way, and `inFlight` knows how it went.
  commitNow(end, given) {
    const body = this.body(end, given);
    if (this.leaving) return this.commitLeaving(body);
    const request = new XMLHttpRequest();
    try {
      request.open("POST", `${this.base}commit`, false);
      request.setRequestHeader("Content-Type", "application/json");
      request.send(JSON.stringify(body));
    } catch (error) {
      if (!navigator.onLine) return this.failed(body, String(error));
      this.inFlight = this.post(body);
      return { result: "true", errorCode: 0 };
    }
    return this.take(body, request.status, request.responseText);
  }

  // Commits without making anybody wait.
  commit(end, given) {
    this.inFlight = this.post(this.body(end, given));
    return this.inFlight;
  }

  // Sends once more what has not arrived.
  again() {
    this.stopRetrying();
    if (this.unsaved) this.inFlight = this.post(this.unsaved);
    return this.inFlight;
  }

  async post(body) {
    try {
      const answer = await fetch(`${this.base}commit`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        cache: "no-store",
      });
      return this.take(body, answer.status, await answer.text());
    } catch (error) {
      return this.failed(body, String(error));
    }
  }

  // Commits while the page goes away; nobody will see the answer.
  commitLeaving(body) {
    keep(this.base, body);
    let text = JSON.stringify(body);
    if (size(text) > KEEPALIVE && this.acknowledged) {
      const { cmi, ...rest } = body;
      text = JSON.stringify({ ...rest, base: this.acknowledged.sequence, change: difference(this.acknowledged.cmi, cmi) });
    }
    const isSmall = size(text) <= KEEPALIVE;
    const sent = fetch(`${this.base}commit`, { method: "POST", headers: { "Content-Type": "text/plain" }, body: text, keepalive: isSmall });
    sent.then((answer) => answer.ok && forget(this.base, body)).catch(() => {});
    this.onCall("commit", "leaving", isSmall ? "keepalive" : "plain");
    return { result: "true", errorCode: 0 };
  }

  leave() {
    this.leaving = true;
    if (this.run !== null && !this.isStale) this.commitLeaving(this.body("closed"));
  }

  return_() {
    this.leaving = false;
  }

  body(end, given) {
    const { cmi, claim } = given ?? this.snapshot();
    this.sequence += 1;
    this.isDirty = false;
    return { run: this.run, part: this.part, sequence: this.sequence, cmi, ...(end ? { end } : {}), ...(claim ? { claim } : {}) };
  }

  take(body, status, text) {
    let answer;
    try {
      answer = JSON.parse(text);
    } catch {
      answer = { result: "false", errorCode: 391 };
    }
    this.onCall("commit", `${status}`, text.slice(0, 200));
    if (answer.stale) {
      if (body.run === this.run && !this.isStale) {
        this.isStale = true;
        this.onStale();
      }
      return { result: "false", errorCode: 391 };
    }
    if (status >= 500 || status === 0 || status === 429) return this.failed(body, `status ${status}`);
    if (status === 200 && answer.saved) {
      this.acknowledged = { sequence: body.sequence, cmi: body.cmi };
      this.retries = 0;
      if (this.unsaved && this.unsaved.sequence <= body.sequence) {
        this.unsaved = null;
        this.stopRetrying();
      }
      forget(this.base, body);
      if (!this.unsaved) this.onSaved(answer);
      if (answer.element) this.onProblem("interface", `error ${answer.errorCode} at ${answer.element} of a commit`);
    } else {
      this.onUnsaved(answer.reason ?? `status ${status}`);
    }
    return { result: answer.result ?? "false", errorCode: answer.errorCode ?? 391 };
  }

  failed(body, reason) {
    if (body.run === this.run && body.sequence >= (this.unsaved?.sequence ?? 0)) this.unsaved = body;
    keep(this.base, body);
    this.onCall("commit", "failed", reason);
    this.onProblem("saving", reason);
    this.onUnsaved(reason);
    this.retryLater();
    return { result: "false", errorCode: 391 };
  }

  retryLater() {
    if (this.retry) return;
    const step = Math.min(this.retries ?? 0, RETRY.length - 1);
    this.retries = step + 1;
    this.retry = setTimeout(() => {
      this.retry = null;
      if (!this.leaving) this.again();
    }, RETRY[step]);
  }

  stopRetrying() {
    clearTimeout(this.retry);
    this.retry = null;
  }

  // Sends what an earlier life of this tab could not; returns when the server has it or refuses it for good.
  async replay() {
    for (const [key, text] of kept(this.base)) {
      try {
        const answer = await fetch(`${this.base}commit`, { method: "POST", headers: { "Content-Type": "application/json" }, body: text });
        if (answer.status < 500) sessionStorage.removeItem(key);
        this.onCall("replay", `${answer.status}`, "");
      } catch (error) {
        this.onCall("replay", "failed", String(error));
      }
    }
  }
}

function size(text) {
  return new Blob([text]).size;
}

const PREFIX = "laurel ";

function keep(base, body) {
  try {
    sessionStorage.setItem(`${PREFIX}${base} ${body.run}`, JSON.stringify(body));
  } catch {
    // a full or forbidden store costs the copy, not the commit; problems.js hears of it
  }
}

function forget(base, body) {
  try {
    const key = `${PREFIX}${base} ${body.run}`;
    const stored = sessionStorage.getItem(key);
    if (stored && JSON.parse(stored).sequence <= body.sequence) sessionStorage.removeItem(key);
  } catch {
    // as above
  }
}

function kept(base) {
  try {
    return Object.keys(sessionStorage).filter((key) => key.startsWith(`${PREFIX}${base} `)).map((key) => [key, sessionStorage.getItem(key)]);
  } catch {
    return [];
  }
}

// Returns the members of `after` that are not in `before` as they are; members that are gone stay out of it.
export function difference(before, after) {
  const found = {};
  for (const [name, value] of Object.entries(after)) {
    const old = before?.[name];
    if (value && typeof value === "object") {
      const inner = difference(old && typeof old === "object" ? old : {}, value);
      if (Object.keys(inner).length > 0) found[name] = inner;
    } else if (old !== value) {
      found[name] = value;
    }
  }
  return found;
}
