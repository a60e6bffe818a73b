// A quiz of five questions: bookmark, interactions, score and status by the run-time API of SCORM 1.2.

const QUESTIONS = [
  ["A wastepaper basket burns. What comes first?", ["Raise the alarm", "Open the windows", "Look for the cause"]],
  ["Which way out?", ["The marked stairs", "The lift", "The way you came in"]],
  ["What is water never for?", ["Burning fat", "Burning paper", "Burning wood"]],
  ["Smoke fills the corridor. You...", ["Stay low", "Run upright", "Wait"]],
  ["Where do all meet?", ["At the assembly point", "At the car park gate", "In the canteen"]],
];
const RIGHT = "a";
const api = find(window);
const began = Date.now();
let page = 0;
let answers = [];
let isOver = false;

function find(from) {
  for (let w = from, n = 0; n < 20; n += 1, w = w.parent) {
    if (w.API) return w.API;
    if (w === w.parent) return null;
  }
  return null;
}

function get(name) {
  return api.LMSGetValue(name);
}

function set(name, value) {
  api.LMSSetValue(name, String(value));
}

function draw() {
  const done = page >= QUESTIONS.length;
  document.getElementById("place").textContent = done ? "" : `Question ${page + 1} of ${QUESTIONS.length}`;
  document.getElementById("question").hidden = done;
  if (done) return;
  const [text, choices] = QUESTIONS[page];
  document.getElementById("text").textContent = text;
  document.getElementById("choices").replaceChildren(
    ...choices.map((choice, n) => {
      const label = document.createElement("label");
      const input = Object.assign(document.createElement("input"), { type: "radio", name: "choice", value: "abc"[n], required: true });
      label.append(input, ` ${choice}`);
      return label;
    }),
  );
}

function take(choice) {
  const place = Number(get("cmi.interactions._count"));
  const row = `cmi.interactions.${place}.`;
  set(`${row}id`, `q${page + 1}`);
  set(`${row}type`, "choice");
  set(`${row}correct_responses.0.pattern`, RIGHT);
  set(`${row}student_response`, choice);
  set(`${row}result`, choice === RIGHT ? "correct" : "wrong");
  answers.push(choice);
  page += 1;
  set("cmi.core.lesson_location", page);
  set("cmi.suspend_data", JSON.stringify(answers));
  if (page < QUESTIONS.length) set("cmi.core.exit", "suspend");
  else end();
  api.LMSCommit("");
  draw();
}

function end() {
  const score = Math.round((100 * answers.filter((one) => one === RIGHT).length) / QUESTIONS.length);
  set("cmi.core.score.min", 0);
  set("cmi.core.score.max", 100);
  set("cmi.core.score.raw", score);
  set("cmi.core.lesson_status", score >= 60 ? "passed" : "failed");
  set("cmi.core.exit", "");
  document.getElementById("outcome").textContent = score >= 60 ? `Passed with ${score} %.` : `Not passed: ${score} %. Try again.`;
}

function leave() {
  if (isOver) return;
  isOver = true;
  const seconds = Math.round((Date.now() - began) / 1000);
  const two = (n) => String(Math.floor(n)).padStart(2, "0");
  set("cmi.core.session_time", `${two(seconds / 3600)}:${two((seconds / 60) % 60)}:${two(seconds % 60)}`);
  api.LMSFinish("");
}

if (api && api.LMSInitialize("") === "true") {
  if (get("cmi.core.entry") === "resume") answers = JSON.parse(get("cmi.suspend_data") || "[]");
  else set("cmi.core.lesson_status", "incomplete");
  page = answers.length;
  if (page >= QUESTIONS.length) document.getElementById("outcome").textContent = "You have answered all questions.";
  addEventListener("pagehide", leave);
  document.getElementById("question").addEventListener("submit", (event) => {
    event.preventDefault();
    take(new FormData(event.target).get("choice"));
  });
  draw();
} else {
  document.getElementById("outcome").textContent = "This quiz found nobody to report to.";
}
