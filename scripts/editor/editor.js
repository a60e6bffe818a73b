// The editor of rule files: CodeMirror over the text area of the page, with completion from the published schema and
// from what the store knows. The page's own script (lrs/static/editor.js) asks `laurelEditor` for it, if it is there.

import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, startCompletion } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, lintKeymap, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { ITEM, placeAt } from "./place.js";
import { Rules } from "./schema.js";

// Which names of the store a key asks for; those of `evidence` stand in the file itself.
const KINDS = {
  verb: "verb", activity: "activity", parent: "activity", grouping: "activity", category: "activity",
  holds: "certification", certification: "certification", group: "group", from: "client", partner: "organization",
  organization: "organization", tier: "tier", tier_at_least: "tier", region: "region", use: "fragment",
};
const EVIDENCE = new Set(["done", "score", "count", "sum", "another", "in_order", "in_turn", "disqualified_by", "when", "all", "any", "of", "unless"]);
const HIGHLIGHT = HighlightStyle.define([
  { tag: [tags.definition(tags.propertyName), tags.propertyName], class: "cm-key" },
  { tag: [tags.string, tags.special(tags.string)], class: "cm-text" },
  { tag: tags.comment, class: "cm-note" },
  { tag: [tags.meta, tags.keyword, tags.bool, tags.number], class: "cm-mark" },
]);

function kindOf(text) {
  return /^kind:\s*["']?(\w+)/m.exec(text)?.[1] ?? null;
}

function evidenceOf(lines) {
  const from = lines.findIndex((line) => /^evidence:\s*(#.*)?$/.test(line));
  const names = [];
  let indent = 0;
  for (let at = from + 1; from >= 0 && at < lines.length; at += 1) {
    const found = /^(\s+)([a-z][a-z0-9_-]*):/.exec(lines[at]);
    if (/^\S/.test(lines[at])) break;
    if (!found) continue;
    indent ||= found[1].length;
    if (found[1].length === indent) names.push(found[2]);
  }
  return names;
}

function completion(rules, suggest) {
  return async (context) => {
    const line = context.state.doc.lineAt(context.pos);
    const text = context.state.doc.toString(), lines = text.split("\n");
    const place = placeAt(lines, line.number - 1, context.pos - line.from);
    if (!place) return null;
    const from = line.from + place.from, word = context.state.sliceDoc(from, context.pos);
    if (!word && !context.explicit && place.wants !== "value") return null;
    const options = [], kind = kindOf(text);
    if (place.wants !== "value") {
      for (const one of rules.keys(place.path, kind, place.keys)) {
        options.push({ label: one.name, detail: one.says, type: "property", apply: `${one.name}: `, boost: one.needed ? 9 : 0 });
      }
    }
    if (place.wants !== "key") options.push(...await values(rules, suggest, place, kind, lines, word));
    return options.length ? { from, options, validFor: /^[\w.:/@-]*$/ } : null;
  };
}

async function values(rules, suggest, place, kind, lines, word) {
  const key = place.path.filter((one) => one !== ITEM).at(-1);
  const { words, says } = rules.values(place.path, kind);
  const options = words.map((label) => ({ label, detail: says, type: "enum" }));
  if (EVIDENCE.has(key)) {
    options.push(...evidenceOf(lines).map((label) => ({ label, detail: "evidence", type: "variable", boost: 5 })));
  }
  if (KINDS[key]) {
    const known = new Set(options.map((one) => one.label));
    for (const one of await suggest(KINDS[key], word)) {
      if (known.has(one.value)) continue;
      const quoted = /^[a-z][a-z0-9_-]*$/.test(one.value) ? one.value : JSON.stringify(one.value);
      options.push({ label: one.value, detail: one.title, type: "constant", boost: 3, apply: (view, _, from, to) => put(view, quoted, from, to) });
    }
  }
  return options;
}

// Inserts a value, whose quotes may stand there already.
function put(view, quoted, from, to) {
  const sign = view.state.sliceDoc(from - 1, from);
  const open = sign === '"' || sign === "'";
  const plain = open && quoted.startsWith('"') ? quoted.slice(1, -1) : quoted;
  const closed = open && view.state.sliceDoc(to, to + 1) !== sign ? plain + sign : plain;
  view.dispatch({ changes: { from, to, insert: closed }, selection: { anchor: from + closed.length }, userEvent: "input.complete" });
}

// Puts the editor over a text area, which goes on to hold the text; returns what the page's script does with it.
function upgrade(area, { nonce, label, schema, suggest, onFix, onCheck }) {
  const followed = EditorView.updateListener.of((update) => {
    if (update.docChanged) {
      area.value = update.state.doc.toString();
      area.dispatchEvent(new Event("input", { bubbles: true }));
    }
    if (update.selectionSet || update.docChanged) area.dispatchEvent(new Event("moved"));
  });
  const check = { key: "Mod-Enter", run: () => { onCheck(); return true; } };
  const view = new EditorView({
    state: EditorState.create({
      doc: area.value,
      extensions: [
        lineNumbers(), lintGutter(), history(), drawSelection(), indentOnInput(), bracketMatching(), closeBrackets(),
        highlightActiveLine(), highlightSelectionMatches(), yaml(), syntaxHighlighting(HIGHLIGHT),
        autocompletion({ override: [completion(new Rules(schema), suggest)], icons: false, maxRenderedOptions: 10 }),
        keymap.of([check, ...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...completionKeymap, ...lintKeymap]),
        EditorView.cspNonce.of(nonce), EditorView.contentAttributes.of({ "aria-label": label, "aria-describedby": "keys", spellcheck: "false", tabindex: "0" }),
        EditorView.lineWrapping, followed,
      ],
    }),
  });
  const at = (line, column) => {
    const found = view.state.doc.line(Math.max(1, Math.min(line, view.state.doc.lines)));
    return Math.min(found.from + Math.max(column - 1, 0), found.to);
  };
  area.after(view.dom);
  area.hidden = true;
  return {
    place() {
      const head = view.state.selection.main.head, line = view.state.doc.lineAt(head);
      return [line.number, head - line.from + 1];
    },
    goTo(line, column) {
      view.dispatch({ selection: { anchor: at(line, column) }, effects: EditorView.scrollIntoView(at(line, column), { y: "center" }) });
      view.focus();
    },
    replace(fix) {
      const from = at(fix.line, fix.column);
      view.dispatch({ changes: { from, to: from + fix.length, insert: fix.text }, userEvent: "input.fix" });
    },
    show(problems, word) {
      const found = problems.map((one) => {
        const from = at(one.line, one.column), line = view.state.doc.lineAt(from);
        const rest = /^["']?[\w./:@-]*["']?/.exec(line.text.slice(from - line.from))[0].length;
        return {
          from, to: one.fix ? from + one.fix.length : Math.max(from + rest, Math.min(from + 1, line.to)),
          severity: one.severity, message: one.message, source: one.code,
          actions: one.fix ? [{ name: word.replace("{word}", one.fix.text), apply: () => onFix(one) }] : [],
        };
      });
      view.dispatch(setDiagnostics(view.state, found));
    },
    complete: () => startCompletion(view),
    view,
  };
}

globalThis.laurelEditor = { upgrade };
