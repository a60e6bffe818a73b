// What both SCOs of this course share: the run-time API of SCORM 2004.

const api = find(window);
const began = Date.now();
let isOver = false;

function find(from) {
  for (let w = from, n = 0; n < 20; n += 1, w = w.parent) {
    if (w.API_1484_11) return w.API_1484_11;
    if (w === w.parent) return null;
  }
  return null;
}

function set(name, value) {
  return api.SetValue(name, String(value));
}

function leave(exit) {
  if (isOver) return;
  isOver = true;
  set("cmi.session_time", `PT${Math.round((Date.now() - began) / 1000)}S`);
  set("cmi.exit", exit);
  api.Terminate("");
}
