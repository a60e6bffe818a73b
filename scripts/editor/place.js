// Where somebody types in a rule file: the path of keys from the top, and whether a key or a value is wanted.
// It reads lines and indentation instead of a syntax tree, for while somebody types the text is no sound YAML.

const BLANK = /^\s*(#|$)/;
const KEY = /^("[^"]*"|'[^']*'|[^\s#'"{}[\],:&*!|>][^:]*?):(?=\s|$)/;
export const ITEM = Symbol("item of a list");

// The marks of a line from left to right: dashes of lists, then a key; `rest` is what follows.
export function marks(text) {
  const found = [];
  let at = text.length - text.trimStart().length;
  while (text[at] === "-" && (text[at + 1] === " " || at + 1 === text.length)) {
    found.push({ column: at, step: ITEM });
    at += 1;
    while (text[at] === " ") at += 1;
  }
  const key = KEY.exec(text.slice(at));
  if (key) {
    found.push({ column: at, step: unquoted(key[1]) });
    at += key[0].length;
  }
  return { found, at, rest: text.slice(at) };
}

function unquoted(text) {
  return /^(["']).*\1$/.test(text) ? text.slice(1, -1) : text;
}

// What `{a: 1, b: [x` is inside of: a stack of mappings and lists, and where the unfinished word begins.
function flow(text, start) {
  const stack = [];
  let word = start;
  for (let at = start; at < text.length; at += 1) {
    const sign = text[at], top = stack.at(-1);
    if (sign === '"' || sign === "'") {
      const end = text.indexOf(sign, at + 1);
      if (end < 0) return { stack, word: at + 1 };
      at = end;
    } else if (sign === "{" || sign === "[") {
      stack.push({ list: sign === "[", keys: [], key: null });
      word = at + 1;
    } else if (sign === "}" || sign === "]") {
      stack.pop();
      word = at + 1;
    } else if (sign === "," && top) {
      top.key = null;
      word = at + 1;
    } else if (sign === ":" && top && !top.list && (text[at + 1] === " " || at + 1 === text.length)) {
      top.key = unquoted(text.slice(word, at).trim());
      top.keys.push(top.key);
      word = at + 1;
    }
  }
  return { stack, word };
}

// Returns {path, wants: "key" or "value", keys (of the same mapping), from (column of the unfinished word)}, or null.
export function placeAt(lines, row, column) {
  const before = lines[row].slice(0, column);
  if (/^\s*#|\s#/.test(before)) return null;
  const here = marks(before);
  const indent = here.found[0]?.column ?? before.length - before.trimStart().length;
  const path = [...above(lines, row, indent, here.found[0]?.step === ITEM), ...here.found.map((one) => one.step)];
  const isKey = here.found.length && here.found.at(-1).step !== ITEM;
  const inner = flow(before, here.at);
  if (/[{[]/.test(here.rest.trimStart()[0] ?? "")) {
    if (!inner.stack.length) return null;
    for (const [i, one] of inner.stack.entries()) {
      const last = i === inner.stack.length - 1;
      if (one.list) path.push(ITEM);
      else if (one.key !== null) path.push(one.key);
      if (last) return { path, wants: one.list || one.key !== null ? "value" : "key", keys: one.keys, from: begins(before, inner.word) };
    }
  }
  if (isKey) return { path, wants: "value", keys: [], from: begins(before, here.at) };
  return { path, wants: "either", keys: siblings(lines, row, here.at), from: begins(before, here.at) };
}

function begins(text, at) {
  while (text[at] === " " || text[at] === '"' || text[at] === "'") at += 1;
  return at;
}

// The steps that lead to a line: each mark above that stands further left.
function above(lines, row, indent, isItem) {
  const path = [];
  let limit = indent, item = isItem;
  for (let at = row - 1; at >= 0 && (limit > 0 || item); at -= 1) {
    if (BLANK.test(lines[at])) continue;
    for (const one of marks(lines[at]).found.reverse()) {
      // a list may stand as far left as the key that it belongs to
      if (one.column < limit || (item && one.column === limit && one.step !== ITEM)) {
        path.unshift(one.step);
        limit = one.column;
        item = one.step === ITEM;
      }
    }
  }
  return path;
}

// The keys that stand in the same mapping, above and below; a line that begins an item of a list has none above.
function siblings(lines, row, column) {
  const keys = [];
  for (const way of marks(lines[row]).found[0]?.step === ITEM ? [1] : [-1, 1]) {
    for (let at = row + way; at >= 0 && at < lines.length; at += way) {
      if (BLANK.test(lines[at])) continue;
      const found = marks(lines[at]).found, key = found.at(-1);
      const first = found[0]?.column ?? lines[at].length - lines[at].trimStart().length;
      if (way > 0 && first < column) break; // another mapping begins
      if (key && key.step !== ITEM && key.column === column) keys.push(key.step);
      if (first < column) break; // the mapping begins here
    }
  }
  const own = marks(lines[row]).found.at(-1);
  return own && own.step !== ITEM ? [...keys, own.step] : keys;
}
