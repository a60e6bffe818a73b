/* @xapi/xapi (xapi.js) against a running Laurel, in the version that the environment names. */
"use strict";

const assert = require("node:assert/strict");
const { createHash } = require("node:crypto");
const XAPI = require("@xapi/xapi");
const { connection, fresh, sitting, verb } = require("./content.js");

const lrs = new XAPI({
  endpoint: connection.endpoint,
  auth: XAPI.toBasicAuth(connection.key, connection.secret),
  version: process.env.XAPI_VERSION,
});
const { course, who } = fresh("xapi-js");
const state = { agent: who, activityId: course };

/** Await a call that must be refused with this status. */
async function refused(status, promise) {
  await assert.rejects(promise, (error) => (error.response || error).status === status);
}

async function statements() {
  const sent = sitting(course, who);
  assert.deepEqual((await lrs.sendStatement({ statement: sent[0] })).data, [sent[0].id]);
  assert.equal((await lrs.sendStatements({ statements: sent.slice(1) })).data.length, 8);
  assert.equal((await lrs.getStatement({ statementId: sent[3].id })).data.result.response, "false");
  const seen = [];
  let page = (await lrs.getStatements({ agent: who, limit: 4, ascending: true })).data;
  seen.push(...page.statements);
  while (page.more) {
    page = (await lrs.getMoreStatements({ more: page.more })).data;
    seen.push(...page.statements);
  }
  assert.deepEqual(seen.map((one) => one.id), sent.map((one) => one.id));
  await refused(409, lrs.sendStatement({ statement: { ...sent[0], verb: verb("terminated") } }));
}

async function attachments() {
  const bytes = new TextEncoder().encode("line 1\r\nline 2 \u00e4\r\n");
  const statement = {
    ...sitting(`${course}/certificate`, who)[0],
    attachments: [
      {
        usageType: "http://id.tincanapi.com/attachment/certificate-of-completion",
        display: { "en-US": "Certificate" },
        contentType: "text/plain",
        length: bytes.length,
        sha2: createHash("sha256").update(bytes).digest("hex"),
      },
    ],
  };
  // axios in node replaces the Content-Type of a Blob; the fetch adapter of the library keeps it
  const { endpoint, key, secret } = connection;
  const auth = XAPI.toBasicAuth(key, secret);
  const fetching = new XAPI({ endpoint, auth, version: process.env.XAPI_VERSION, adapter: "fetch" });
  await fetching.sendStatement({ statement, attachments: [bytes.buffer] });
  const answer = await lrs.getStatement({ statementId: statement.id, attachments: true });
  const parts = answer.data;
  assert.equal(parts[0].id, statement.id);
  assert.equal(parts.length, 2);
}

async function voiding() {
  const [statement] = sitting(`${course}/slip`, who);
  await lrs.sendStatement({ statement });
  await lrs.voidStatement({ actor: who, statementId: statement.id });
  await refused(404, lrs.getStatement({ statementId: statement.id }));
  assert.equal((await lrs.getVoidedStatement({ voidedStatementId: statement.id })).data.id, statement.id);
}

async function documents() {
  await lrs.createState({ ...state, stateId: "s", state: { a: 1 } });
  await lrs.createState({ ...state, stateId: "s", state: { b: { c: 2 } } });
  const found = await lrs.getState({ ...state, stateId: "s" });
  assert.deepEqual(found.data, { a: 1, b: { c: 2 } });
  const etag = found.headers.etag;
  await refused(412, lrs.setState({ ...state, stateId: "s", state: {}, etag: '"other"', matchHeader: "If-Match" }));
  await lrs.setState({ ...state, stateId: "s", state: { d: 3 }, etag, matchHeader: "If-Match" });
  assert.deepEqual((await lrs.getStates(state)).data, ["s"]);
  await lrs.deleteStates(state);
  await refused(404, lrs.getState({ ...state, stateId: "s" }));

  for (const [kind, key] of [["Agent", { agent: who }], ["Activity", { activityId: course }]]) {
    const one = { ...key, profileId: "p" };
    await lrs[`create${kind}Profile`]({ ...one, profile: { x: 1 } });
    await refused(409, lrs[`set${kind}Profile`]({ ...one, profile: { x: 2 } }));
    const tag = (await lrs[`get${kind}Profile`](one)).headers.etag;
    await lrs[`set${kind}Profile`]({ ...one, profile: { x: 2 }, etag: tag, matchHeader: "If-Match" });
    assert.deepEqual((await lrs[`get${kind}Profile`](one)).data, { x: 2 });
    assert.deepEqual((await lrs[`get${kind}Profiles`](key)).data, ["p"]);
    await lrs[`delete${kind}Profile`](one);
    assert.deepEqual((await lrs[`get${kind}Profiles`](key)).data, []);
  }
}

async function about() {
  assert.ok((await lrs.getAbout()).data.version.includes("1.0.3"));
  assert.deepEqual((await lrs.getAgent({ agent: who })).data.mbox, [who.mbox]);
  assert.equal((await lrs.getActivity({ activityId: course })).data.id, course);
}

(async () => {
  for (const step of [statements, attachments, voiding, documents, about]) {
    await step();
    console.log(`ok ${step.name}`);
  }
})().catch((error) => {
  console.error(error.message, error.response ? error.response.data : "", error.stack);
  process.exit(1);
});
