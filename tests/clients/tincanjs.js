/* tincanjs (Rustici) against a running Laurel: every call it has. */
"use strict";

const assert = require("node:assert/strict");
const TinCan = require("tincanjs");
const { connection, fresh, sitting } = require("./content.js");

const lrs = new TinCan.LRS({
  endpoint: connection.endpoint,
  username: connection.key,
  password: connection.secret,
  allowFail: false,
});
const { course, who } = fresh("tincanjs");
const agent = new TinCan.Agent(who);
const activity = new TinCan.Activity({ id: course });

/** Call a method of the library that takes a callback in its options; give its result, or throw. */
function call(method, ...args) {
  const options = args.pop();
  return new Promise((resolve, reject) => {
    options.callback = (error, result) =>
      error === null ? resolve(result) : reject(new Error(`${method}: ${error} ${result && result.responseText}`));
    lrs[method](...args, options);
  });
}

async function statements() {
  const sent = sitting(course, who).map((one) => new TinCan.Statement(one));
  await call("saveStatement", sent[0], {});
  await call("saveStatements", sent.slice(1), {});
  await call("saveStatements", sent, {}); // the same again is no conflict

  const one = await call("retrieveStatement", sent[8].id, {});
  assert.equal(one.result.score.raw, 80);
  assert.ok(one.stored);

  const seen = [];
  let page = await call("queryStatements", { params: { agent, limit: 4, ascending: true } });
  seen.push(...page.statements);
  while (page.more) {
    page = await call("moreStatements", { url: page.more });
    seen.push(...page.statements);
  }
  assert.deepEqual(seen.map((each) => each.id), sent.map((each) => each.id));

  const related = await call("queryStatements", { params: { activity, related_activities: true, limit: 50 } });
  assert.equal(related.statements.length, 9);
}

async function attachments() {
  // in node the library turns the whole body into text, so only text comes through it unharmed
  const content = new TextEncoder().encode("line 1\r\n--line 2 \u00e4\r\n\r\n");
  const statement = new TinCan.Statement({
    actor: who,
    verb: { id: "http://adlnet.gov/expapi/verbs/completed" },
    target: { id: `${course}/attached` },
    attachments: [
      {
        usageType: "http://id.tincanapi.com/attachment/certificate-of-completion",
        display: { "en-US": "Certificate" },
        contentType: "text/plain; charset=utf-8",
        content: content.buffer,
      },
    ],
  });
  await call("saveStatement", statement, {});
  const found = await call("retrieveStatement", statement.id, { params: { attachments: true } });
  assert.equal(found.attachments.length, 1);
  assert.equal(found.attachments[0].length, content.length);
  assert.deepEqual(new Uint8Array(found.attachments[0].content), content);
}

async function voiding() {
  const statement = new TinCan.Statement({ actor: who, verb: { id: "http://verb.example/slipped" }, target: { id: course } });
  await call("saveStatement", statement, {});
  const voider = statement.voider ? null : new TinCan.Statement({
    actor: who,
    verb: { id: "http://adlnet.gov/expapi/verbs/voided" },
    target: { objectType: "StatementRef", id: statement.id },
  });
  await call("saveStatement", voider, {});
  const found = await call("retrieveVoidedStatement", statement.id, {});
  assert.equal(found.id, statement.id);
}

async function documents() {
  const state = { activity, agent };
  await call("saveState", "bookmark", { slide: 3 }, { ...state, contentType: "application/json" });
  const saved = await call("retrieveState", "bookmark", state);
  assert.deepEqual(saved.contents, { slide: 3 });
  assert.match(saved.etag, /^"[0-9a-f]{40}"$/);
  await call("saveState", "bookmark", { seen: [1, 2] }, { ...state, contentType: "application/json", method: "POST" });
  assert.deepEqual((await call("retrieveState", "bookmark", state)).contents, { slide: 3, seen: [1, 2] });
  assert.deepEqual(await call("retrieveStateIds", state).then((ids) => ids.contents || ids), ["bookmark"]);
  await call("dropState", "bookmark", state);
  assert.equal(await call("retrieveState", "bookmark", state), null);

  await call("saveActivityProfile", "settings", "text, äöü", { activity, contentType: "text/plain" });
  const profile = await call("retrieveActivityProfile", "settings", { activity });
  assert.equal(profile.contents, "text, äöü");
  await call("saveActivityProfile", "settings", "changed", { activity, contentType: "text/plain", lastSHA1: profile.etag });
  await call("dropActivityProfile", "settings", { activity });

  await call("saveAgentProfile", "prefs", { language: "pt-BR" }, { agent, contentType: "application/json" });
  assert.deepEqual((await call("retrieveAgentProfile", "prefs", { agent })).contents, { language: "pt-BR" });
  await call("dropAgentProfile", "prefs", { agent });
}

async function about() {
  const found = await call("about", {});
  assert.ok(found.version.includes("1.0.3"));
  const known = await call("retrieveActivity", course, {});
  assert.equal(known.definition.name.de, "Firewall-Grundlagen");
}

(async () => {
  for (const step of [about_first, statements, attachments, voiding, documents, about]) {
    await step();
    console.log(`ok ${step.name}`);
  }
})().catch((error) => {
  console.error(error);
  process.exit(1);
});

async function about_first() {
  assert.ok((await call("about", {})).version.length >= 1);
}
