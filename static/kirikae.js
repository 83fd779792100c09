// Shortens the way; every page works without it.
"use strict";

// A demo user's id is put into the form instead of loading the page again.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-fill]");
  const field = link && document.getElementById("id_username");
  if (!field) return;
  event.preventDefault();
  field.value = link.dataset.fill;
  const password = document.getElementById("id_password");
  if (password && link.dataset.password) password.value = link.dataset.password;
  (password && !password.value ? password : field.form.querySelector("button")).focus();
});

// On a telephone the menu is a line that moves sideways: where the reader is comes into sight.
for (const line of document.querySelectorAll(".site-menu ul")) {
  const here = line.querySelector("[aria-current]");
  if (here) line.scrollLeft = here.offsetLeft - line.offsetLeft - 20;
}

// What was wrong is where the reader starts.
document.querySelector(".error-summary")?.focus();

// A second click does not file a second time.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// An open user menu closes on Escape or a click elsewhere.
const menu = document.querySelector(".user-menu");
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && menu?.open) menu.open = false;
});
document.addEventListener("click", (event) => {
  if (menu?.open && !menu.contains(event.target)) menu.open = false;
});

// A page that waits for a worker looks again by itself: its words are renewed in place, and when the wait is over the
// page is loaded anew. Without script the link in it does the same.
const waiting = document.querySelector("[data-renew]");
async function renew() {
  try {
    const response = await fetch(location.href);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const words = page.querySelector("[data-renew]");
    if (response.ok && !words) return location.reload();
    if (words && words.textContent !== waiting.textContent) waiting.replaceChildren(...words.childNodes);
  } catch {
    // away from the network: the next look may succeed
  }
  setTimeout(renew, 1000 * waiting.dataset.renew);
}
if (waiting) setTimeout(renew, 1000 * waiting.dataset.renew);
