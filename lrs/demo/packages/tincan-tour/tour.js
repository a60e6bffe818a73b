// Plain xAPI: endpoint and authorization from the launch address, a bookmark in State, three statements.

const query = new URLSearchParams(location.search);
const endpoint = query.get("endpoint");
const actor = JSON.parse(query.get("actor"));
const activity = query.get("activity_id");
const registration = query.get("registration");
const headers = { Authorization: query.get("auth"), "X-Experience-API-Version": "1.0.3", "Content-Type": "application/json" };
const STOPS = ["The statements come in here.", "The rules read them here.", "The awards go out here."];
const bookmark = `${endpoint}activities/state?${new URLSearchParams({ activityId: activity, agent: JSON.stringify(actor), registration, stateId: "bookmark" })}`;
let stop = 0;

async function send(verb, more = {}) {
  const statement = {
    id: crypto.randomUUID(),
    timestamp: new Date().toISOString(),
    actor,
    verb: { id: `http://adlnet.gov/expapi/verbs/${verb}`, display: { en: verb } },
    object: { id: activity },
    context: { registration },
    ...more,
  };
  const answer = await fetch(`${endpoint}statements`, { method: "POST", headers, body: JSON.stringify(statement), keepalive: true });
  if (!answer.ok) throw new Error(await answer.text());
}

function draw() {
  document.getElementById("stop").textContent = STOPS[stop] ?? "That was all.";
  document.getElementById("on").hidden = stop >= STOPS.length;
}

async function on() {
  await send("experienced", { object: { id: `${activity}/stops/${stop + 1}` } });
  stop += 1;
  await fetch(bookmark, { method: "PUT", headers, body: JSON.stringify({ stop }) });
  draw();
  if (stop === STOPS.length) {
    await send("completed", { result: { completion: true } });
    document.getElementById("outcome").textContent = "Completed.";
  }
}

async function main() {
  const kept = await fetch(bookmark, { headers });
  if (kept.ok) stop = (await kept.json()).stop;
  else await send("attempted");
  draw();
}

document.getElementById("on").addEventListener("click", () => on().catch(show));
function show(error) {
  document.getElementById("outcome").textContent = error.message;
}
main().catch(show);
