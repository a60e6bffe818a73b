// The words of the player in the language that the browser prefers, of English and German. What support reads (the
// diagnostics) is English.

const GERMAN = {
  "Back": "Zurück",
  "Close this page": "Diese Seite schließen",
  "Contents": "Inhalt",
  "Continue": "Weiter",
  "Continue here": "Hier weitermachen",
  "Diagnostics": "Diagnose",
  "Exit": "Verlassen",
  "Copied": "Kopiert",
  "Copy for support": "Für den Support kopieren",
  "Next": "Weiter",
  "Not saved yet": "Noch nicht gesichert",
  "Open the course again": "Den Kurs noch einmal öffnen",
  "Open the course again from where you started it.": "Öffnen Sie den Kurs noch einmal dort, wo Sie ihn gestartet haben.",
  "Opened elsewhere": "Anderswo geöffnet",
  "Saved": "Gesichert",
  "Saved at %s": "Gesichert um %s",
  "Selected: copy it by hand": "Markiert: bitte selbst kopieren",
  "The course cannot be opened": "Der Kurs lässt sich nicht öffnen",
  "This course was opened in another window or on another device. What you do here is not saved any more.":
    "Dieser Kurs wurde in einem anderen Fenster oder auf einem anderen Gerät geöffnet. Was Sie hier tun, wird nicht mehr gesichert.",
  "This launch is over": "Dieser Start ist abgelaufen",
  "Try again": "Noch einmal versuchen",
  "You are only looking: nothing counts": "Sie sehen nur zu: Nichts zählt",
  "You can leave this page now.": "Sie können diese Seite jetzt verlassen.",
  "Your last answers have not reached the server. Stay on this page until they have.":
    "Ihre letzten Antworten sind noch nicht beim Server. Bleiben Sie auf dieser Seite, bis sie es sind.",
  "Your last answers have not reached the server yet.": "Ihre letzten Antworten sind noch nicht beim Server.",
  "Your work is saved": "Ihre Arbeit ist gesichert",
  "begun": "begonnen",
  "completed": "abgeschlossen",
  "no attempt is left": "es ist kein Versuch mehr übrig",
  "not passed": "nicht bestanden",
  "passed": "bestanden",
  "the next attempt can begin at %s": "der nächste Versuch ist ab %s möglich",
};

const spoken = navigator.languages.map((tag) => tag.slice(0, 2).toLowerCase()).find((tag) => tag === "en" || tag === "de") ?? "en";

export function t(text, value = "") {
  return (spoken === "de" ? (GERMAN[text] ?? text) : text).replace("%s", value);
}

// Puts the page's own words into that language.
export function translate() {
  document.documentElement.lang = spoken;
  for (const node of document.querySelectorAll("header button, #diagnostics summary, #copy")) node.textContent = t(node.textContent);
  for (const node of document.querySelectorAll("nav[aria-label]")) node.ariaLabel = t(node.ariaLabel);
}
