// The key of a link in a mail. It stands behind "#": browsers keep that to themselves, so the key is
// in no log and no Referer.
"use strict";

(() => {
  const read = () => {
    try {
      return decodeURIComponent(location.hash.slice(1));
    } catch {
      return ""; // not as it was written: a piece of it got lost
    }
  };

  // Another link, opened in the same tab: nothing but what is behind "#" differs.
  window.addEventListener("hashchange", () => location.hash && location.reload());

  window.site.mailLink = {
    key: read(),
    // Once it is used, it need not stay in the history.
    forget: () => history.replaceState(null, "", location.pathname),
  };
})();
