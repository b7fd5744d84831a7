// The key of a link in a mail. It is in the fragment, which browsers do not send, so the key is
// in no log and no Referer.
"use strict";

(() => {
  const read = () => {
    try {
      return decodeURIComponent(location.hash.slice(1));
    } catch {
      return ""; // incomplete
    }
  };

  // Another link, opened in the same tab: only the fragment differs.
  window.addEventListener("hashchange", () => location.hash && location.reload());

  window.site.mailLink = {
    key: read(),
    // A used key does not stay in the history.
    forget: () => history.replaceState(null, "", location.pathname),
  };
})();
