// One SCORM API per run, made by scorm-again and fed by our own transport.

const COMMON = {
  autocommit: false,
  lmsCommitUrl: "commit",
  sendFullCommit: true,
  dataCommitFormat: "json",
  renderCommonCommitFields: false,
  alwaysSendTotalTime: false,
  selfReportSessionTime: false,
  enableOfflineSupport: false,
  mastery_override: false, // verdicts are the server's
  score_overrides_status: false,
  autoCompleteLessonStatus: false,
  logLevel: 4, // errors: what the content did wrong is shown in the diagnostics, and told
};

export const NAMES = { "1.2": "API", 2004: "API_1484_11" };
const PREFIXES = { "1.2": "LMS", 2004: "" };

// Loads what a run begins with; must come before Initialize.
export function loadApi(api, cmi) {
  api.laurelLoaded = cmi;
  api.loadFromJSON(cmi, "");
  return api;
}

// What content asks for that was never set is an error in 2004, and no mistake of the content (RTE 4.1.1.6, 3.1.7.6).
const UNSET = { "1.2": [], 2004: ["301", "403"] };
const MISUSE = /^SCORM Error (\d+): [^]*?(?:\[Element: ([^\]]*)\])?$/;

// Returns what the content did wrong, as a line of the log tells it: code and element, without any value.
function misuse(edition, text) {
  const [, code, element] = MISUSE.exec(text) ?? [];
  if (!code || UNSET[edition].includes(code)) return null;
  return element ? `error ${code} at ${element.replace(/\.\d+(?=\.|$)/g, ".n")}` : `error ${code}`;
}

// Makes an API; `hooks` are {onCall, onChange, onInitialize, onTerminate, onRead, onMisuse, claim}, `more` are
// further settings.
export function newApi(edition, transport, hooks, more = {}) {
  const service = {
    updateSettings() {},
    processHttpRequest(_url, given, isTerminate) {
      const cmiNow = edition === "1.2" ? asSaid(api, given.cmi) : given.cmi;
      return transport.commitNow(isTerminate ? "terminate" : undefined, { cmi: cmiNow, claim: hooks.claim?.() });
    },
  };
  const onLogMessage = (_level, text) => {
    const found = misuse(edition, text);
    if (found) hooks.onMisuse(found);
  };
  const settings = { ...COMMON, ...more, httpService: service, onLogMessage };
  const api = edition === "1.2" ? new window.Scorm12API(settings) : new window.Scorm2004API(settings);
  const prefix = PREFIXES[edition];
  api.on(`${prefix}Initialize`, () => hooks.onInitialize());
  api.on(edition === "1.2" ? "LMSFinish" : "Terminate", () => hooks.onTerminate());
  api.on(`${prefix}GetValue.cmi.*`, (element) => hooks.onRead(element));
  api.on(`${prefix}SetValue.cmi.*`, (element, value) => {
    hooks.onCall("SetValue", element, String(value).slice(0, 80));
    hooks.onChange();
  });
  return api;
}

// Returns the data of an API as it would be committed now.
export function snapshotOf(edition, api) {
  const { cmi } = api.renderCMIToJSONObject();
  return edition === "1.2" ? asSaid(api, cmi) : cmi;
}

// scorm-again writes a status of its own where a SCO of 1.2 never set one: what the SCO said is what we want.
function asSaid(api, cmi) {
  if (api.statusSetByModule || !cmi?.core) return cmi;
  return { ...cmi, core: { ...cmi.core, lesson_status: api.laurelLoaded.core?.lesson_status ?? "not attempted" } };
}
