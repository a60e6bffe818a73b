// Finds what a learner would click next in any course: an answer, then Submit, then Next. Returns {what, at}, the place
// in the window, or null. What was clicked often is left alone, so that a menu does not hold us for ever.
(() => {
  const seen = (window.laurelClicks ??= {});
  const MOST = 3; // clicks at one thing on one page as it looks
  const DONE = /\b(exit|close|quit|log ?out|back|prev|previous|menu|contents|mute|unmute|volume|full ?screen|settings|help|restart|replay|retry|retake|try again|captions?|subtitles|transcript|search|print|share|pause|rewind|glossary|resources|notes|zoom|copy for support|diagnostics|accessibility|playback)\b|^[<←«‹]|^x$/i;
  const FIRST = /^(yes|resume|ok|okay|got it|accept|ja)$|resume|where you left/i;
  const SUBMIT = /\b(submit|check|confirm|score|answer)\b/i;
  const NEXT = /\b(next|continue|start|begin|launch|proceed|forward|finish|done|complete|suivant|commencer|continuer|siguiente|weiter|play|enter|take quiz|let'?s go)\b|^[>→»›]/i;
  const words = (node) => [node.innerText, node.value, node.getAttribute("aria-label"), node.title, node.alt, node.getAttribute("data-acc-text"), node.name].find((text) => typeof text === "string" && text.trim())?.trim().slice(0, 60) ?? "";
  const found = [];
  let looks = "";
  function read(win) {
    try {
      looks += win.document.body?.innerText ?? "";
      for (let n = 0; n < win.frames.length; n += 1) read(win.frames[n]);
    } catch {} // of another site
  }
  read(document.getElementById("content")?.contentWindow ?? window);
  const page = [...looks].reduce((sum, sign) => (sum * 31 + sign.charCodeAt(0)) | 0, 7);
  function visible(node, win) {
    const box = node.getBoundingClientRect();
    const style = win.getComputedStyle(node);
    return box.width > 4 && box.height > 4 && style.visibility !== "hidden" && style.display !== "none" && Number(style.opacity) > 0.05 && style.pointerEvents !== "none" && !node.disabled && node.getAttribute("aria-disabled") !== "true";
  }
  function look(win, left, top, path) {
    let doc;
    try {
      doc = win.document;
    } catch {
      return;
    }
    for (const frame of doc.querySelectorAll("iframe, frame")) {
      const box = frame.getBoundingClientRect();
      if (frame.contentWindow && box.width > 20 && box.height > 20) look(frame.contentWindow, left + box.left, top + box.top, `${path}/${frame.id || frame.name}`);
    }
    const isOurs = path === "" && doc.getElementById("diagnostics");
    const groups = new Set();
    const add = (node, rank, what) => {
      if (!visible(node, win)) return;
      const key = `${page} ${path} ${what} ${node.id}`;
      if ((seen[key] ?? 0) < MOST) found.push({ node, rank: rank + (seen[key] ?? 0) * 0.5, what, key, win, left, top });
    };
    if (!isOurs) {
      for (const node of doc.querySelectorAll("input[type=radio], [role=radio]")) {
        const group = node.name || node.closest("[role=radiogroup], fieldset, ul, table")?.outerHTML.slice(0, 80) || "one";
        const members = node.name ? [...doc.getElementsByName(node.name)] : [...(node.closest("[role=radiogroup], fieldset, ul, table") ?? doc).querySelectorAll("[role=radio]")];
        const isChosen = members.some((one) => one.checked || one.getAttribute("aria-checked") === "true");
        if (isChosen || groups.has(group)) continue;
        groups.add(group);
        const target = visible(node, win) ? node : (node.labels?.[0] ?? node.parentElement);
        add(target, 1, `choose ${words(target)}`);
      }
      for (const node of doc.querySelectorAll("input[type=checkbox], [role=checkbox]")) {
        const around = node.closest("[role=group], fieldset, ul, table, form") ?? doc;
        const isTicked = [...around.querySelectorAll("input[type=checkbox], [role=checkbox]")].some((one) => one.checked || one.getAttribute("aria-checked") === "true");
        if (isTicked || groups.has(around)) continue;
        groups.add(around);
        const target = visible(node, win) ? node : (node.labels?.[0] ?? node.parentElement);
        add(target, 1.2, `tick ${words(target)}`);
      }
      for (const node of doc.querySelectorAll("input[type=text], input:not([type]), textarea")) if (!node.value && visible(node, win)) found.push({ node, rank: 1, what: "fill", key: `${path} fill ${node.id || node.name}`, win, fill: true });
    }
    for (const node of doc.querySelectorAll("button, a, input[type=button], input[type=submit], [role=button], [role=link], [onclick], [tabindex='0']")) {
      if (isOurs && node.id !== "next") continue;
      const text = words(node);
      const name = `${text} ${node.id}`;
      if (DONE.test(text) || /exit|close/i.test(node.id)) continue;
      if (FIRST.test(text)) add(node, 0, text);
      else if (SUBMIT.test(text)) add(node, 2, text);
      else if (NEXT.test(name)) add(node, isOurs ? 6 : 3, text || node.id);
      else if (text && text.length < 60 && !(node.href && new URL(node.href, doc.baseURI).origin !== win.location.origin)) add(node, 5, text);
    }
  }
  look(window, 0, 0, "");
  // Tools that draw their own buttons: whatever shows a hand, when nothing else is left.
  function hands(win, left, top, path) {
    try {
      for (const frame of win.document.querySelectorAll("iframe, frame")) {
        const box = frame.getBoundingClientRect();
        if (box.width > 20 && box.height > 20) hands(frame.contentWindow, left + box.left, top + box.top, `${path}/${frame.id || frame.name}`);
      }
      if (path === "" && win.document.getElementById("diagnostics")) return;
      for (const node of [...win.document.querySelectorAll("img, area, div, span, g, canvas")].slice(0, 3000)) {
        const box = node.getBoundingClientRect();
        if (box.width < 8 || box.height < 8 || box.width * box.height > 300000 || win.getComputedStyle(node).cursor !== "pointer" || !visible(node, win)) continue;
        const what = `hand at ${words(node) || node.id || node.tagName}`;
        if (DONE.test(words(node)) || /exit|close|back|prev/i.test(`${node.id} ${node.getAttribute("src") ?? ""}`)) continue;
        const key = `${page} ${path} ${what} ${Math.round(box.left)} ${Math.round(box.top)}`;
        if ((seen[key] ?? 0) < 1) found.push({ node, rank: NEXT.test(what) ? 4 : 7, what, key, win, left, top });
      }
    } catch {} // of another site
  }
  hands(window, 0, 0, "");
  found.sort((one, other) => one.rank - other.rank);
  for (const one of found) {
    seen[one.key] = (seen[one.key] ?? 0) + 1;
    if (one.fill) {
      const set = Object.getOwnPropertyDescriptor(one.win[one.node.tagName === "TEXTAREA" ? "HTMLTextAreaElement" : "HTMLInputElement"].prototype, "value").set;
      one.node.focus();
      set.call(one.node, "42");
      for (const kind of ["input", "change"]) one.node.dispatchEvent(new one.win.Event(kind, { bubbles: true }));
      return { what: "fill" };
    }
    one.node.scrollIntoView({ block: "center", inline: "center" });
    const box = one.node.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    const hit = one.win.document.elementFromPoint(x, y);
    if (hit === null || !(one.node.contains(hit) || hit.contains(one.node) || hit.closest("label")?.control === one.node)) continue;
    return { what: one.what || one.key, at: [one.left + x, one.top + y] };
  }
  return null;
})()
