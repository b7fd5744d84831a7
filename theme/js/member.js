// Who has logged in on this browser: the header shows it from the first paint on.
//
// The mark is the member's name, left in this browser's storage by a login and taken away by a
// logout. Nothing but the header believes it. Where there is none, nothing is asked and nothing is
// done. This file is read before the page is painted, so it stays small.
"use strict";

(() => {
  const key = "member";
  const root = document.documentElement;
  const site = (window.site = {});

  const stored = () => {
    try {
      return localStorage.getItem(key) || "";
    } catch {
      return ""; // this browser keeps nothing: the header says "Login", and the login works
    }
  };

  const show = () => {
    const name = stored();
    root.toggleAttribute("data-member", name !== "");
    for (const place of document.querySelectorAll("[data-member-name]")) place.textContent = name;
  };

  const store = (name) => {
    try {
      if (name) localStorage.setItem(key, name);
      else localStorage.removeItem(key);
    } catch {
      // see above
    }
    show();
  };

  site.member = { name: stored, remember: store, forget: () => store("") };

  // The header comes after this file. Whoever watches it come fills the name in before it is painted.
  if (stored()) {
    root.toggleAttribute("data-member", true);
    const watch = new MutationObserver(() => {
      if (!document.querySelector("[data-member-name]")) return;
      watch.disconnect();
      show();
    });
    watch.observe(root, { childList: true, subtree: true });
  }

  window.addEventListener("storage", show); // a login or a logout in another tab
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    show();
    // A members' page from the browser's memory, after the logout: ask the gate again.
    if (!stored() && location.pathname.startsWith("/members/")) location.reload();
  });

  // The session may have ended meanwhile. The account's own pages ask by themselves.
  window.addEventListener("load", async () => {
    if (!stored() || site.api) return;
    try {
      const answer = await fetch("/_allauth/browser/v1/auth/session", {
        headers: { Accept: "application/json" },
        credentials: "same-origin",
        cache: "no-store",
      });
      // Read whatever came: Chromium never ends a request that is not to be stored and that nobody reads.
      const told = await answer.text();
      if (answer.status === 200) store(JSON.parse(told).data.user.display);
      else if (answer.status === 401) store("");
    } catch {
      // no network, or no API: the mark stays as it was
    }
  });
})();
