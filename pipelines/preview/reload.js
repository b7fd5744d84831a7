// Live reload: show the faults of a build, and reload the page when it changes.
//
// Each page carries its version. After a build the script requests the version that the server
// has now, and reloads only if it differs. If only the style changed, it replaces the style sheet.
"use strict";

(() => {
  const version = document.currentScript.dataset.version;
  const isFaultsPage = document.documentElement.dataset.preview === "faults";
  let events = null;
  let panel = null;
  let hidden = ""; // the faults that the author has closed

  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text; // never as HTML: it quotes the sources
    return element;
  };

  const faultLocation = (fault) => {
    const line = make("p", "place", fault.path);
    if (fault.line) line.append(make("span", "line", `:${fault.line}`));
    return line;
  };

  const item = (fault) => {
    const row = make("li");
    row.append(faultLocation(fault), make("p", "text", fault.text), make("p", "fix", fault.fix));
    return row;
  };

  const top = (state, close) => {
    const bar = make("div", "top");
    const button = make("button", "close", "Hide");
    button.type = "button";
    button.addEventListener("click", close);
    bar.append(make("h2", "", state.summary), button,
      make("p", "", "The last good page is behind this. It closes when a build succeeds."));
    return bar;
  };

  const closeOnEscape = (event) => {
    if (event.key === "Escape" && panel) panel.close();
  };

  const remove = () => {
    if (panel) panel.host.remove();
    panel = null;
    document.removeEventListener("keydown", closeOnEscape);
  };

  // In a shadow tree, so that the theme and the overlay do not style each other.
  const show = (state, key) => {
    remove();
    const host = make("div", "preview-faults");
    const root = host.attachShadow({ mode: "open" });
    const style = make("link");
    style.rel = "stylesheet";
    style.href = "/_preview/overlay.css";
    const section = make("section", "faults over");
    section.setAttribute("role", "alert");
    section.setAttribute("aria-label", "Preview");
    const close = () => {
      hidden = key;
      remove();
    };
    section.append(top(state, close));
    if (state.faults.length) {
      const list = make("ol", "list");
      list.append(...state.faults.map(item));
      section.append(list);
    }
    if (state.error) section.append(make("pre", "error", state.error));
    section.hidden = true; // until its style sheet is loaded
    style.addEventListener("load", () => { section.hidden = false; });
    root.append(style, section);
    document.documentElement.append(host);
    panel = { host, close };
    document.addEventListener("keydown", closeOnEscape);
  };

  const sheets = () => [...document.querySelectorAll("link[rel~=stylesheet]")]
    .filter((link) => link.getAttribute("href").startsWith("/assets/"));

  // The old sheet is removed when the new one is loaded: no flash without style.
  const replaceStyles = (urls) => {
    const fresh = urls.filter((url) => !sheets().some((link) => link.getAttribute("href") === url));
    const stale = sheets().filter((link) => !urls.includes(link.getAttribute("href")));
    if (fresh.length !== stale.length) return void location.reload();
    fresh.forEach((url, index) => {
      const link = make("link");
      link.rel = "stylesheet";
      link.href = url;
      link.addEventListener("load", () => stale[index].remove());
      link.addEventListener("error", () => location.reload());
      stale[index].after(link);
    });
  };

  const updatePage = async () => {
    let response;
    try {
      response = await fetch(location.href, { method: "HEAD", cache: "no-store" });
    } catch {
      return; // the preview has stopped
    }
    const now = response.headers.get("X-Preview-Version");
    if (response.redirected || now !== version) location.reload();
    else replaceStyles((response.headers.get("X-Preview-Styles") || "").split(" ").filter(Boolean));
  };

  const handleState = (state) => {
    if (!state.summary) hidden = "";
    if (state.summary && !isFaultsPage) {
      const key = JSON.stringify([state.faults, state.error]);
      if (key !== hidden) show(state, key);
      return;
    }
    remove();
    updatePage();
  };

  // A browser opens six connections to one host: hidden tabs must not hold one.
  const connect = () => {
    if (events || document.hidden) return;
    events = new EventSource("/_preview/events");
    events.addEventListener("message", (event) => handleState(JSON.parse(event.data)));
  };

  const disconnect = () => {
    if (events) events.close();
    events = null;
  };

  document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
  window.addEventListener("pagehide", disconnect);
  window.addEventListener("pageshow", connect);
  connect();
})();
