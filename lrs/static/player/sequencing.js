// SCORM 2004 sequencing: scorm-again's engine decides what is delivered, we deliver it and keep its state.
//
// One API lives as long as the page, for the activity tree lives in it; it is reset for each run. What the learner
// asks for goes with the goodbye of the SCO that is open, or straight to the engine where none is.

import { loadApi, newApi } from "./scorm.js";

const LONGEST_STATE = 500_000; // characters
const KEEP_NOTHING = { saveState: async () => true, loadState: async () => null };

// `player` is {transport, hooks, deliver, finish, leavePart, keep, current, isTalking, onCall}.
export function makeSequencer(outline, player) {
  const validity = { continue: false, previous: false, choice: {} };
  let isUsed = false;
  let wanted = null;
  let isOver = false;

  const eventListeners = {
    onActivityDelivery: (activity) => (wanted = activity.id),
    onNavigationValidityUpdate: (found) => Object.assign(validity, found),
    onSequencingSessionEnd: () => (isOver = true),
    onSequencingError: (problem) => player.onCall("sequencing", "", String(problem)),
  };
  const api = newApi("2004", player.transport, player.hooks, {
    sequencing: { ...outline.sequencing.settings, eventListeners },
    sequencingStatePersistence: { persistence: KEEP_NOTHING, autoLoadOnInitialize: false, autoSaveOn: "never", compress: false },
  });
  const root = outline.sequencing.settings.activityTree.id;

  function claim() {
    const found = api.getActivityTrackingData(root);
    return found ? { completion: found.completionStatus, success: found.successStatus, scaled: found.score } : undefined;
  }

  async function keep() {
    const text = api.serializeSequencingState();
    if (text.length <= LONGEST_STATE) await player.keep({ state: text, claim: claim() });
    else player.onCall("sequencing", "", `a state of ${text.length} characters is not kept`);
  }

  // Keeps the engine's state, then does what it decided.
  async function follow() {
    const next = wanted;
    wanted = null;
    await keep();
    if (next !== null) return player.deliver(next);
    if (isOver) return player.finish();
    return null;
  }

  // Lets the open SCO carry a request; asks the engine itself where nobody did.
  async function carry(name, target) {
    isOver = false;
    const isCarried = player.isTalking();
    if (isCarried) api.adl.nav.request = target ? `{target=${target}}${name}` : name;
    const hasSpoken = await player.leavePart();
    if (!isCarried || !hasSpoken) api.processNavigationRequest(name, target);
  }

  return {
    // Loads the data of the run that was decided.
    load(cmi) {
      if (isUsed) api.reset();
      isUsed = true;
      return loadApi(api, cmi);
    },

    // Begins, or goes on where the learner left.
    async start() {
      const { state } = outline.sequencing;
      if (state) api.deserializeSequencingState(state);
      for (const request of state ? ["resumeAll", "start"] : ["start"]) {
        if (wanted === null) api.processNavigationRequest(request);
      }
      const first = outline.parts[0].id;
      if (wanted === null) api.processNavigationRequest("choice", first); // a tree that does not flow
      isOver = false;
      wanted ??= first; // whatever the engine says, a learner is never left before an empty page
      return follow();
    },

    async request(name, target) {
      const before = player.current();
      await carry(name, target);
      // the engine refused: the learner goes on where they were, not before an empty page
      if (wanted === null && !isOver && before) {
        api.processNavigationRequest("choice", before);
        wanted ??= before;
      }
      return follow();
    },

    // Leaves the course so that it can be resumed.
    async suspend() {
      await carry("suspendAll");
      wanted = null;
      await keep();
    },

    // The open SCO ended by itself; tells whether there is something to do now.
    isDecided: () => wanted !== null || isOver,
    follow,
    keep,

    may(name, target) {
      if (name === "choice") return String(validity.choice?.[target] ?? "true") === "true";
      return String(validity[name]) === "true";
    },

    claim,
  };
}
