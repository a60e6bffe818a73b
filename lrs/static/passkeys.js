// Passkeys: the browser's keys answer what the server asks; what they say goes back as a form.
"use strict";

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
const text = (buffer) =>
  btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const listed = (keys) => (keys ?? []).map((one) => ({ ...one, id: bytes(one.id) }));

async function made(options) {
  const publicKey = { ...options, challenge: bytes(options.challenge), user: { ...options.user, id: bytes(options.user.id) } };
  publicKey.excludeCredentials = listed(options.excludeCredentials);
  const key = await navigator.credentials.create({ publicKey });
  const { attestationObject, clientDataJSON } = key.response;
  return { ...about(key), response: { attestationObject: text(attestationObject), clientDataJSON: text(clientDataJSON) } };
}

async function answered(options) {
  const publicKey = { ...options, challenge: bytes(options.challenge), allowCredentials: listed(options.allowCredentials) };
  const key = await navigator.credentials.get({ publicKey });
  const { authenticatorData, clientDataJSON, signature, userHandle } = key.response;
  const said = { authenticatorData: text(authenticatorData), clientDataJSON: text(clientDataJSON), signature: text(signature) };
  if (userHandle) said.userHandle = text(userHandle);
  return { ...about(key), response: said };
}

const about = (key) => ({ id: key.id, rawId: text(key.rawId), type: key.type, clientExtensionResults: {} });

for (const form of window.PublicKeyCredential ? document.querySelectorAll("form[data-passkey]") : []) {
  form.hidden = false;
  document.querySelectorAll("[data-without-passkeys]").forEach((one) => { one.hidden = true; });
  form.addEventListener("submit", async (event) => {
    if (form.elements.answer.value) return;
    event.preventDefault();
    const problem = form.querySelector("[role=alert]");
    problem.hidden = true;
    try {
      const headers = form.elements.csrf ? { "X-CSRF-Token": form.elements.csrf.value } : {};
      const asked = await fetch(form.dataset.options, { method: "POST", headers });
      if (!asked.ok) throw new Error(String(asked.status));
      const options = await asked.json();
      const answer = form.dataset.passkey === "make" ? await made(options) : await answered(options);
      form.elements.answer.value = JSON.stringify(answer);
      form.submit();
    } catch {
      problem.hidden = false;
    }
  });
}
