// The browser's part in passkeys: asks the site for a challenge, the authenticator for an answer, and hands it back.
"use strict";

if (window.PublicKeyCredential?.parseCreationOptionsFromJSON) {
  for (const missing of document.querySelectorAll("[data-passkey-missing]")) missing.hidden = true;
  for (const button of document.querySelectorAll("[data-passkey]")) {
    button.closest("[hidden]")?.removeAttribute("hidden");
    button.addEventListener("click", () => ceremony(button));
    if (button.dataset.passkey === "new") {
      button.form.addEventListener("submit", (event) => {
        event.preventDefault(); // the Enter key in the name's field
        ceremony(button);
      });
    }
  }
}

async function ceremony(button) {
  const form = button.form;
  const trouble = form.querySelector("[data-passkey-trouble]");
  trouble.dataset.words ??= trouble.textContent;
  trouble.hidden = true;
  button.disabled = true;
  try {
    const isNew = button.dataset.passkey === "new";
    const options = await post(button.dataset.begin, form, {});
    const answer = isNew
      ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
      : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
    const next = form.elements.next?.value;
    const complete = button.dataset.complete + (next ? `?${new URLSearchParams({ next })}` : "");
    const name = isNew ? { name: form.elements.name.value } : {};
    const done = await post(complete, form, { ...answer.toJSON(), ...name });
    if (button.dataset.waiting) {
      form.action = button.dataset.waiting; // the deed that waits in the form's hidden fields
      HTMLFormElement.prototype.submit.call(form);
    } else if (done.redirect_url) location.assign(done.redirect_url);
    else location.reload();
  } catch (error) {
    trouble.textContent = error instanceof Refused ? error.message : trouble.dataset.words;
    trouble.hidden = false;
    button.disabled = false;
  }
}

class Refused extends Error {}

async function post(address, form, body) {
  const response = await fetch(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
    body: JSON.stringify(body),
  });
  if (response.redirected) {
    location.reload(); // signed out or asked for the second factor again: this page knows the way there and back
    return new Promise(() => {});
  }
  const told = await response.json();
  if (!response.ok) throw new Refused(told.detail);
  return told;
}
