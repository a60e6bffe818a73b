/* adl-xapiwrapper (ADL, for node) against a running Laurel. It sends version 1.0.1, and a Content-Type with GET. */
"use strict";

const assert = require("node:assert/strict");
const { createHash } = require("node:crypto");
const xapi = require("adl-xapiwrapper");
const { connection, fresh, sitting } = require("./content.js");

const wrapper = new xapi.XAPIWrapper({
  url: connection.endpoint,
  auth: { user: connection.key, pass: connection.secret },
});
const { course, who } = fresh("adl-xapiwrapper");

/** Call a method of the library; check the status, give the parsed or plain body. */
function call(status, method, ...args) {
  return new Promise((resolve, reject) => {
    wrapper[method](...args, (error, response, body) => {
      if (error || response.statusCode !== status) {
        reject(new Error(`${method}: ${error || response.statusCode} ${body}`));
        return;
      }
      const json = /json/.test(response.headers["content-type"] || "");
      resolve({ body: json && body ? JSON.parse(body) : body, headers: response.headers });
    });
  });
}

async function config() {
  assert.equal(await new Promise((resolve) => wrapper.testConfig(resolve)), true);
}

async function statements() {
  const sent = sitting(course, who);
  const ids = await call(200, "sendStatements", sent);
  assert.deepEqual(ids.body, sent.map((one) => one.id));
  const seen = [];
  let page = await call(200, "getStatements", { agent: JSON.stringify(who), limit: 2 }, null);
  seen.push(...page.body.statements);
  while (page.body.more) {
    page = await call(200, "getStatements", null, page.body.more);
    seen.push(...page.body.statements);
  }
  assert.deepEqual(seen.map((one) => one.id), sent.map((one) => one.id).reverse());
  assert.ok(seen.every((one) => one.version === "1.0.0"));
}

async function documents() {
  await call(204, "sendState", course, who, "resume", null, { slide: 1 }, null, null);
  await call(204, "sendState", course, who, "resume", null, { score: 2 }, null, null);
  const merged = await call(200, "getState", course, who, "resume", null, null);
  assert.deepEqual(merged.body, { slide: 1, score: 2 });
  await call(204, "sendState", course, who, "suspend", null, "2A3B", null, null);
  const ids = await call(200, "getState", course, who, null, null, new Date(2020, 1, 1));
  assert.deepEqual(ids.body.sort(), ["resume", "suspend"]);

  for (const [name, ...key] of [["ActivityProfile", course], ["AgentProfile", who]]) {
    await call(204, `send${name}`, ...key, "p", "first", null, "*");
    await call(412, `send${name}`, ...key, "p", "second", null, "*");
    const hash = createHash("sha1").update("first").digest("hex");
    await call(412, `send${name}`, ...key, "p", "second", "0".repeat(40), null);
    await call(204, `send${name}`, ...key, "p", "second", hash, null); // the wrapper does not quote its hash
    assert.equal((await call(200, `get${name}`, ...key, "p", null)).body, "second");
  }
}

async function people() {
  const person = await call(200, "getAgents", who);
  assert.deepEqual(person.body.name, ["Ana Lópes"]);
  assert.deepEqual(person.body.mbox, [who.mbox]);
  assert.equal((await call(200, "getActivities", course)).body.definition.name["en-US"], "Firewall basics");
}

(async () => {
  for (const step of [config, statements, documents, people]) {
    await step();
    console.log(`ok ${step.name}`);
  }
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
