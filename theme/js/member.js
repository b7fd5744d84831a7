// The header shows the logged-in member from the first paint on.
//
// The mark is the member's name, written to local storage at login and removed at
// logout. Only the header uses it. Without a mark, this script sends no request and changes
// nothing. This file blocks the first paint, so it stays small.
"use strict";

(() => {
  const key = "member";
  const root = document.documentElement;
  const site = (window.site = {});

  const stored = () => {
    try {
      return localStorage.getItem(key) || "";
    } catch {
      return ""; // no storage: the header shows "Login", and the login works
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

  // The header comes after this file. An observer fills in the name before the first paint.
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
    // A members' page from the back/forward cache after a logout: reload it.
    if (!stored() && location.pathname.startsWith("/members/")) location.reload();
  });

  // The session may have ended meanwhile. Account pages check it themselves.
  window.addEventListener("load", async () => {
    if (!stored() || site.api) return;
    try {
      const answer = await fetch("/_allauth/browser/v1/auth/session", {
        headers: { Accept: "application/json" },
        credentials: "same-origin",
        cache: "no-store",
      });
      // Read the body: Chromium never finishes an unread response with no-store.
      const told = await answer.text();
      if (answer.status === 200) store(JSON.parse(told).data.user.display);
      else if (answer.status === 401) store("");
    } catch {
      // no network, or no API: the mark is unchanged
    }
  });
})();
