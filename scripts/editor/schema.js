// What the published schema of rule files says about a place.

import { ITEM } from "./place.js";

export class Rules {
  constructor(schema) {
    this.schema = schema;
  }

  // The parts of a schema that are in force, references and conditions resolved; `keys` are those that are there.
  *parts(schema, kind, keys, depth = 0) {
    if (!schema || depth > 24) return;
    if (schema.$ref) yield* this.parts(this.schema.definitions[schema.$ref.split("/").pop()], kind, keys, depth + 1);
    yield schema;
    for (const one of schema.allOf ?? []) yield* this.parts(one, kind, keys, depth + 1);
    if (!schema.if) return;
    const holds = fulfilled(schema.if, kind, keys);
    if (holds !== false) yield* this.parts(schema.then, kind, keys, depth + 1);
    if (holds !== true) yield* this.parts(schema.else, kind, keys, depth + 1);
  }

  // The schemas of what stands at a path.
  at(path, kind) {
    let found = [this.schema];
    for (const step of path) {
      const next = [];
      for (const schema of found) {
        for (const part of this.parts(schema, kind, null)) {
          if (step === ITEM) {
            if (part.items) next.push(part.items);
          } else if (part.properties && step in part.properties) next.push(part.properties[step]);
          else if (typeof part.additionalProperties === "object") next.push(part.additionalProperties);
        }
      }
      found = next.slice(0, 64);
    }
    return found;
  }

  // The keys that may come next at a path, each with what it means.
  keys(path, kind, there) {
    const found = new Map();
    let least = new Set();
    for (const schema of this.at(path, kind)) {
      for (const part of this.parts(schema, kind, there)) {
        for (const [name, one] of Object.entries(part.properties ?? {})) {
          if (!there.includes(name) && !found.get(name)) found.set(name, one.description ?? "");
        }
        least = new Set([...least, ...(part.required ?? [])]);
        for (const other of part["x-excludes"] ?? []) if (there.length) found.delete(other);
      }
    }
    return [...found].map(([name, says]) => ({ name, says, needed: least.has(name) }));
  }

  // The words that a value may be, and what it is.
  values(path, kind) {
    const words = new Set();
    let says = "";
    for (const schema of this.at(path, kind)) {
      for (const part of this.parts(schema, kind, null)) {
        for (const one of part.enum ?? part.examples ?? []) words.add(String(one));
        if (part.const !== undefined) words.add(String(part.const));
        if (part.type === "boolean") ["true", "false"].forEach((one) => words.add(one));
        says ||= part.description ?? "";
      }
    }
    return { words: [...words], says };
  }
}

// Whether a condition holds; null where it cannot be told here.
function fulfilled(condition, kind, keys) {
  const wanted = condition.properties?.kind?.const;
  if (wanted) return wanted === kind;
  if (condition.required && keys?.length) return condition.required.every((one) => keys.includes(one));
  return null;
}
