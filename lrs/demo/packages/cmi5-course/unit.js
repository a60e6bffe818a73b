// Both units of this course: the session of cmi5 by hand, so that each of its steps can be read.

const query = new URLSearchParams(location.search);
const endpoint = query.get("endpoint").replace(/\/?$/, "/");
const actor = JSON.parse(query.get("actor"));
const activity = query.get("activityId");
const registration = query.get("registration");
const VERBS = "http://adlnet.gov/expapi/verbs/";
const CATEGORIES = "https://w3id.org/xapi/cmi5/context/categories/";
const MASTERY = "https://w3id.org/xapi/cmi5/context/extensions/masteryscore";
const began = Date.now();
let headers;
let data;

async function ask(path, parameters, options = {}) {
  const answer = await fetch(`${endpoint}${path}?${new URLSearchParams(parameters)}`, { headers, ...options });
  if (!answer.ok && answer.status !== 404) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.ok ? answer.json() : null;
}

async function begin() {
  const answer = await (await fetch(query.get("fetch"), { method: "POST" })).json();
  if (!answer["auth-token"]) throw new Error("this address was used before; open the course again");
  headers = { Authorization: `Basic ${answer["auth-token"]}`, "X-Experience-API-Version": "1.0.3", "Content-Type": "application/json" };
  data = await ask("activities/state", { activityId: activity, agent: JSON.stringify(actor), registration, stateId: "LMS.LaunchData" });
  await ask("agents/profile", { agent: JSON.stringify(actor), profileId: "cmi5LearnerPreferences" });
  await say("initialized", {});
}

function duration() {
  return `PT${((Date.now() - began) / 1000).toFixed(2)}S`;
}

async function say(verb, result) {
  const isJudged = ["completed", "passed", "failed"].includes(verb);
  const template = data.contextTemplate;
  const extensions = { ...template.extensions };
  if (["passed", "failed"].includes(verb) && data.masteryScore !== undefined) extensions[MASTERY] = data.masteryScore;
  const category = [{ id: `${CATEGORIES}cmi5` }, ...(isJudged ? [{ id: `${CATEGORIES}moveon` }] : [])];
  const statement = {
    id: crypto.randomUUID(),
    timestamp: new Date().toISOString(),
    actor,
    verb: { id: VERBS + verb, display: { en: verb } },
    object: { id: activity },
    ...(verb === "initialized" ? {} : { result: { ...result, duration: duration() } }),
    context: { registration, contextActivities: { ...template.contextActivities, category }, extensions },
  };
  const answer = await fetch(`${endpoint}statements`, { method: "POST", headers, body: JSON.stringify(statement), keepalive: true });
  if (!answer.ok) throw new Error(`${verb}: ${answer.status} ${await answer.text()}`);
}

function show(text) {
  document.getElementById("outcome").textContent = text;
}

async function finish(text) {
  show(text);
  document.getElementById("leave").hidden = false;
}

async function leave() {
  await say("terminated", {});
  if (data.returnURL) location.assign(data.returnURL);
  else show("You can close this window.");
}

async function main() {
  await begin();
  const unit = query.get("unit");
  document.getElementById("title").textContent = unit === "news" ? "What is new" : "Test";
  document.getElementById(unit).hidden = false;
  if (data.launchMode !== "Normal") return finish("You have done this part; look at it as often as you like.");
  document.getElementById("read").addEventListener("click", async () => {
    await say("completed", { completion: true });
    await finish("Done.");
  });
  document.getElementById("test").addEventListener("submit", async (event) => {
    event.preventDefault();
    const right = [...new FormData(event.target).values()].filter((one) => one === "right").length;
    const isPassed = right / 2 >= (data.masteryScore ?? 0);
    await say(isPassed ? "passed" : "failed", { success: isPassed, score: { scaled: right / 2 } });
    await finish(isPassed ? "Passed." : "Not passed.");
  });
}

document.getElementById("leave").addEventListener("click", () => leave().catch((error) => show(error.message)));
main().catch((error) => show(error.message));
