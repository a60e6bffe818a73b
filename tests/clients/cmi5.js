/* @xapi/cmi5: an assignable unit, launched as a cmi5 LMS launches it, through a whole session. */
"use strict";

const assert = require("node:assert/strict");
const { randomUUID } = require("node:crypto");
const http = require("node:http");
const XAPI = require("@xapi/xapi");
const { connection, fresh } = require("./content.js");

global.XMLHttpRequest = require("xhr2"); // the library is made for browsers
global.window = { location: { search: "" } };
const Cmi5 = require("@xapi/cmi5/dist/Cmi5.umd.js");

const token = Buffer.from(`${connection.key}:${connection.secret}`).toString("base64");
const lrs = new XAPI({ endpoint: connection.endpoint, auth: `Basic ${token}` });
const { course } = fresh("cmi5");
const actor = { objectType: "Agent", account: { homePage: "https://lms.example", name: randomUUID() } };
const registration = randomUUID();

/** Write what an LMS writes before it launches (cmi5 10). */
async function prepare() {
  await lrs.setState({
    agent: actor,
    activityId: course,
    registration,
    stateId: "LMS.LaunchData",
    state: {
      contextTemplate: {
        contextActivities: { grouping: [{ id: `${course}/publisher`, objectType: "Activity" }] },
        extensions: { "https://w3id.org/xapi/cmi5/context/extensions/sessionid": randomUUID() },
      },
      launchMode: "Normal",
      masteryScore: 0.8,
      moveOn: "CompletedAndPassed",
    },
  });
  await lrs.setAgentProfile({
    agent: actor,
    profileId: "cmi5LearnerPreferences",
    profile: { languagePreference: "fr-FR,en-US" },
    etag: "*",
    matchHeader: "If-None-Match",
  });
}

/** Run the session of the assignable unit. */
async function session(fetchUrl) {
  const unit = new Cmi5({ endpoint: connection.endpoint, fetch: fetchUrl, actor, registration, activityId: course });
  await unit.initialize();
  assert.equal(unit.getLaunchData().masteryScore, 0.8);
  assert.equal(unit.getLearnerPreferences().languagePreference, "fr-FR,en-US");
  const en = (text) => ({ "en-US": text });
  const ids = (...names) => names.map((id) => ({ id, description: en(id) }));
  await unit.progress(50);
  await unit.interactionTrueFalse("t", "1", true, true, en("q"), en("d"), true);
  await unit.interactionChoice("t", "2", ["a"], ["a"], ids("a", "b"), en("q"), en("d"), true);
  await unit.interactionFillIn("t", "3", ["443"], ["443"], en("q"), en("d"), true);
  await unit.interactionLikert("t", "4", "l1", "l2", ids("l1", "l2"), en("q"), en("d"), false);
  await unit.interactionMatching("t", "5", { s: "x" }, { s: "x" }, ids("s"), ids("x"), en("q"), en("d"), true);
  await unit.interactionNumeric("t", "6", 22, { min: 20, max: 25 }, en("q"), en("d"), true);
  await unit.pass(0.9);
  await unit.complete();
  await unit.terminate();
}

async function check() {
  const { statements } = (await lrs.getStatements({ registration, ascending: true })).data;
  const verbs = statements.map((one) => one.verb.id.split("/").pop());
  assert.deepEqual(verbs, ["initialized", "progressed", ...Array(6).fill("answered"), "passed", "completed", "terminated"]);
  const passed = statements[8];
  assert.equal(passed.result.score.scaled, 0.9);
  assert.equal(passed.context.contextActivities.category.length, 2);
  assert.equal(passed.context.registration, registration);
}

const lms = http.createServer((request, response) => {
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ "auth-token": token }));
});

lms.listen(0, "127.0.0.1", async () => {
  try {
    await prepare();
    await session(`http://127.0.0.1:${lms.address().port}/fetch`);
    await check();
    console.log("ok session");
  } catch (error) {
    console.error(error.message, error.response ? error.response.data : "", error.stack);
    process.exitCode = 1;
  } finally {
    lms.close();
  }
});
