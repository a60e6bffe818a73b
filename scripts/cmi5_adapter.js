// What CATAPULT's LMS test suite asks of a learning system, by Laurel's API. See scripts/cmi5_conformance.py.
"use strict";

const path = require("path");
const { LTS_FOLDER, LAUREL_URL, LAUREL_KEY, LAUREL_SECRET } = process.env;
const { InvalidPackageError } = require(path.join(LTS_FOLDER, "lib", "errors.js"));
const Wreck = require(path.join(LTS_FOLDER, "node_modules", "@hapi", "wreck")); // jest's world has no fetch
const AUTHORIZATION = `Basic ${Buffer.from(`${LAUREL_KEY}:${LAUREL_SECRET}`).toString("base64")}`;
const PATIENCE = 150; // looks at a package that is read, of 200 ms
const items = new Map(); // item -> ids of its units
const opened = new Map(); // registration -> item

async function ask(method, where, body, headers = {}) {
  const isJson = body !== undefined && !Buffer.isBuffer(body);
  const answer = await Wreck.request(method, `${LAUREL_URL}/api/v1/content${where}`, {
    headers: { Authorization: AUTHORIZATION, ...(isJson ? { "Content-Type": "application/json" } : {}), ...headers },
    payload: isJson ? JSON.stringify(body) : body,
  });
  const text = (await Wreck.read(answer)).toString();
  if (answer.statusCode >= 300) throw new Error(`${method} ${where}: ${answer.statusCode} ${text.slice(0, 300)}`);
  return text ? JSON.parse(text) : null;
}

async function collected(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

module.exports = {
  setup: async () => {},
  teardown: async () => {},
  cleanup: async () => {},
  getLrsEndpoint: () => `${LAUREL_URL}/xapi/`,
  getLrsAuthHeader: () => AUTHORIZATION,

  importCourse: async (stream, contentType, filename) => {
    const made = await ask("POST", `?name=${encodeURIComponent(filename)}`, await collected(stream), { "Content-Type": contentType });
    for (let turn = 0; turn < PATIENCE; turn += 1) {
      const version = await ask("GET", `/versions/${made.id}`);
      if (version.state === "refused") throw new InvalidPackageError(version.issues.map((one) => one.text).join("; "));
      if (version.state === "draft") {
        await ask("POST", `/versions/${made.id}/publish`);
        items.set(version.item, version.parts.filter((one) => one.launch).map((one) => one.id));
        return version.item;
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    throw new Error(`${filename} was not read in time`);
  },

  // A learner has one registration in an item, so the one that is asked for is the one that comes.
  getLaunchUrl: async (item, index, actor, { registration, launchMode } = {}) => {
    const mode = (launchMode ?? "Normal").toLowerCase();
    const found = await ask("POST", `/${item}/launches`, { actor: { objectType: "Agent", ...actor }, part: items.get(item)[index], mode });
    if (registration && registration !== found.registration) throw new Error(`registration ${found.registration} instead of ${registration}`);
    opened.set(found.registration, item);
    return found.url;
  },

  hasWaive: () => true,
  waiveAU: async (registration, index, reason) => {
    const item = opened.get(registration);
    await ask("POST", `/${item}/registrations/${registration}/waive`, { unit: items.get(item)[index], reason });
  },

  hasAbandon: () => true,
  abandonSession: async (session) => {
    const [registration, item] = [...opened].at(-1);
    await ask("POST", `/${item}/registrations/${registration}/abandon`, { session });
  },
};
