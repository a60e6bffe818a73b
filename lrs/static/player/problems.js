// What goes wrong in this browser: shown in the diagnostics, and told to the server, each thing once for a page.
//
// The content's frames are of this origin, so we listen in them. A frame's window comes anew with each page and
// nobody tells us when, so we look often; what failed to load before we came, the browser still knows.

const LOOK = 100; // milliseconds
const STATUS_KNOWN = 500; // milliseconds
const EVERY = 5_000; // milliseconds between reports
const MOST = 50; // of one page
const AT_ONCE = 20; // which is what the server takes
const LONGEST = 400; // characters

export class Problems {
  constructor({ base, onProblem = () => {} }) {
    Object.assign(this, { base, onProblem, known: new Set(), waiting: [], seen: new WeakSet() });
    setInterval(() => this.send(), EVERY);
    addEventListener("pagehide", () => this.send());
  }

  // Tells one thing that went wrong; a thing is told once, whatever the browser says of it the second time.
  tell(kind, what, place = "") {
    const row = { kind, what: String(what).slice(0, LONGEST), place: String(place).slice(0, LONGEST) };
    const key = kind === "request" ? `${kind} ${row.place}` : `${kind} ${row.what} ${row.place}`;
    if (this.known.has(key) || this.known.size >= MOST) return;
    this.known.add(key);
    this.waiting.push(row);
    this.onProblem(row);
  }

  async send() {
    if (this.waiting.length === 0) return;
    const problems = this.waiting.splice(0, AT_ONCE);
    const sent = fetch(`${this.base}problems`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ problems }), keepalive: true });
    const answer = await sent.catch(() => null);
    if (answer === null || answer.status >= 500) this.waiting.unshift(...problems); // they can wait
  }

  // Listens in a window and in all frames below it, from now on.
  watch(top) {
    const look = (seen) => {
      let inside;
      try {
        inside = seen.document;
        if (!inside || !seen.performance) return;
      } catch {
        return; // of another site: not ours to look at
      }
      if (!this.seen.has(inside)) {
        this.seen.add(inside);
        this.listen(seen, inside);
      }
      for (let n = 0; n < seen.frames.length; n += 1) look(seen.frames[n]);
    };
    look(top);
    setInterval(() => look(top), LOOK);
  }

  listen(seen, inside) {
    seen.addEventListener("error", (event) => this.onError(event, seen), true);
    seen.addEventListener("unhandledrejection", ({ reason }) => this.tell("script", reason?.message ?? reason ?? "a promise was rejected", seen.location.href));
    inside.addEventListener("securitypolicyviolation", ({ blockedURI, effectiveDirective }) => {
      if (/^https?:/.test(blockedURI)) this.tell("request", `not allowed (${effectiveDirective})`, blockedURI);
    });
    try {
      new seen.PerformanceObserver((list) => list.getEntries().forEach((entry) => this.onLoaded(entry))).observe({ type: "resource", buffered: true });
    } catch {
      // an older browser: what its elements could not load is told all the same
    }
    this.watchStorage(seen);
  }

  onError(event, seen) {
    const { target } = event;
    if (target === seen || !target?.tagName) {
      return this.tell("script", event.message || "a script failed", event.filename ? `${event.filename}:${event.lineno}` : "");
    }
    const address = target.src || target.href || target.data;
    // an answer of the server is told by its status, which the browser knows a moment later
    if (typeof address === "string" && address) setTimeout(() => this.tell("request", "no answer", address), STATUS_KNOWN);
    return undefined;
  }

  onLoaded(entry) {
    const isOfBrowser = new URL(entry.name, location.href).pathname === "/favicon.ico";
    if (entry.responseStatus >= 400 && !isOfBrowser) this.tell("request", `${entry.responseStatus}`, entry.name);
  }

  // Content often catches what storing throws, and says nothing: we hear it, and throw it on.
  watchStorage(seen) {
    const kept = seen.Storage?.prototype;
    if (!kept?.setItem || kept.setItem.laurel) return;
    const { setItem } = kept;
    const tell = (error) => this.tell("storage", error.name, seen.location.href);
    kept.setItem = function (...given) {
      try {
        return setItem.apply(this, given);
      } catch (error) {
        tell(error);
        throw error;
      }
    };
    kept.setItem.laurel = true;
  }
}
