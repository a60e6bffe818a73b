/* What courses made with common authoring tools send in one sitting: launched, attempted, interactions, result. */
"use strict";

const { randomUUID } = require("node:crypto");

const ADL = "http://adlnet.gov/expapi/verbs/";
const CMI_INTERACTION = "http://adlnet.gov/expapi/activities/cmi.interaction";

function verb(name) {
  return { id: ADL + name, display: { "en-US": name } };
}

function interaction(course, slug, interactionType, correct, more) {
  return {
    objectType: "Activity",
    id: `${course}/${slug}`,
    definition: {
      name: { "en-US": slug },
      description: { "en-US": `Question ${slug}` },
      type: CMI_INTERACTION,
      interactionType,
      correctResponsesPattern: [correct],
      ...more,
    },
  };
}

/** Return the statements of one sitting; `course` is the IRI of the course, `who` an xAPI agent. */
function sitting(course, who) {
  const registration = randomUUID();
  const activity = {
    objectType: "Activity",
    id: course,
    definition: {
      name: { "en-US": "Firewall basics", de: "Firewall-Grundlagen" },
      description: { "en-US": "" },
      type: "http://adlnet.gov/expapi/activities/course",
    },
  };
  const context = {
    registration,
    platform: "Articulate Storyline",
    language: "en-US",
    contextActivities: { parent: [activity], grouping: [{ id: course, objectType: "Activity" }] },
  };
  const at = (minute) => `2026-03-02T09:${String(minute).padStart(2, "0")}:00.000Z`;
  const choices = [
    { id: "choice_a", description: { "en-US": "Allow" } },
    { id: "choice_b", description: { "en-US": "Deny" } },
  ];
  const answered = (object, response, success, minute) => ({
    actor: who,
    verb: verb("answered"),
    object,
    result: { response, success, duration: "PT12.5S", score: { scaled: success ? 1 : 0, raw: success ? 10 : 0, min: 0, max: 10 } },
    context,
    timestamp: at(minute),
  });
  return [
    { actor: who, verb: verb("launched"), object: activity, context: { registration }, timestamp: at(0) },
    { actor: who, verb: verb("attempted"), object: activity, context, timestamp: at(1) },
    answered(interaction(course, "q1", "choice", "choice_b", { choices }), "choice_b", true, 2),
    answered(interaction(course, "q2", "true-false", "true"), "false", false, 3),
    answered(interaction(course, "q3", "fill-in", "port 443[,]443"), "443", true, 4),
    answered(
      interaction(course, "q4", "matching", "s1[.]t1[,]s2[.]t2", {
        source: [{ id: "s1", description: { "en-US": "SSH" } }, { id: "s2", description: { "en-US": "HTTPS" } }],
        target: [{ id: "t1", description: { "en-US": "22" } }, { id: "t2", description: { "en-US": "443" } }],
      }),
      "s1[.]t1[,]s2[.]t2",
      true,
      5
    ),
    answered(interaction(course, "q5", "numeric", "20[:]25"), "22", true, 6),
    { actor: who, verb: verb("completed"), object: activity, result: { completion: true, duration: "PT9M" }, context, timestamp: at(9) },
    {
      actor: who,
      verb: verb("passed"),
      object: activity,
      result: { score: { scaled: 0.8, raw: 80, min: 0, max: 100 }, success: true, completion: true, duration: "PT9M3.27S" },
      context,
      timestamp: at(10),
    },
  ].map((statement) => ({ id: randomUUID(), ...statement }));
}

/** Return who is learning and where: fresh for every run, so that runs never meet. */
function fresh(client) {
  const run = randomUUID();
  return {
    course: `http://content.example/${client}/${run}`,
    who: { objectType: "Agent", name: "Ana Lópes", mbox: `mailto:ana+${run}@partner.example` },
  };
}

const connection = {
  endpoint: process.env.XAPI_ENDPOINT,
  key: process.env.XAPI_KEY,
  secret: process.env.XAPI_SECRET,
};

module.exports = { ADL, connection, fresh, sitting, verb };
