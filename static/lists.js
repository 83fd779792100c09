// A list by keyboard alone; without this script Tab, Enter and the links do the same.
"use strict";

{
  const help = document.querySelector(".list-help");
  const rows = () => [...document.querySelectorAll("[data-list-rows] tbody tr")];
  const typing = (target) => target.closest("input, select, textarea, [contenteditable]");
  const follow = (selector) => document.querySelector(selector)?.click();

  const button = document.querySelector("[data-list-keys]");
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => help.showModal());
  }

  // The row at hand is the one that holds the focus: the browser scrolls to it and reads it out.
  const move = (by) => {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(document.activeElement.closest("tr"));
    const row = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
    row.tabIndex = -1;
    row.focus();
  };

  const keys = {
    "/": () => document.querySelector("[data-list-filter]")?.querySelector("input:not([type=hidden]), select")?.focus(),
    j: () => move(1),
    ArrowDown: () => move(1),
    k: () => move(-1),
    ArrowUp: () => move(-1),
    "[": () => follow(".list-pages a[rel=prev]"),
    "]": () => follow(".list-pages a[rel=next]"),
    n: () => follow("main a.btn-primary[href]"),
    "?": () => help.showModal(),
  };

  // An open panel closes on Escape or a click elsewhere.
  const close = (but) => {
    for (const panel of document.querySelectorAll(".list-panel[open]")) if (panel !== but) panel.open = false;
  };
  document.addEventListener("click", (event) => close(event.target.closest(".list-panel")));

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (event.key === "Escape") close(null);
    if (event.key === "Escape" && typing(event.target)) return event.target.blur();
    if (typing(event.target)) return;
    if (event.key === "Enter" && event.target.matches("[data-list-rows] tr")) {
      event.target.querySelector("a[href]")?.click();
      return;
    }
    // Arrows scroll as ever until a row is at hand.
    if (event.key.startsWith("Arrow") && !document.activeElement.closest("[data-list-rows] tr")) return;
    if (!Object.hasOwn(keys, event.key)) return;
    event.preventDefault();
    keys[event.key]();
  });
}
