// The author's side of the preview: show faults, and follow the site as it changes.
//
// Each page carries the version of what it shows. After a build the page asks for the version
// that the server has now, and loads itself again only if that is another one. If the style
// alone changed, the style sheet is exchanged in place.
"use strict";

(() => {
  const version = document.currentScript.dataset.version;
  const standsIn = document.documentElement.dataset.preview === "faults"; // a page of faults itself
  let events = null;
  let panel = null;
  let hidden = ""; // what the author has read and closed

  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text; // never as HTML: it quotes the sources
    return element;
  };

  const place = (fault) => {
    const line = make("p", "place", fault.path);
    if (fault.line) line.append(make("span", "line", `:${fault.line}`));
    return line;
  };

  const item = (fault) => {
    const row = make("li");
    row.append(place(fault), make("p", "text", fault.text), make("p", "remedy", fault.remedy));
    return row;
  };

  const top = (state, close) => {
    const bar = make("div", "top");
    const button = make("button", "close", "Hide");
    button.type = "button";
    button.addEventListener("click", close);
    bar.append(make("h2", "", state.heading), button,
      make("p", "", "Behind it is the last good page. This goes away when the build is good again."));
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

  // In a shadow tree, so that neither the theme nor this touches the other's style.
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
    if (state.note) section.append(make("pre", "note", state.note));
    section.hidden = true; // until it looks like something
    style.addEventListener("load", () => { section.hidden = false; });
    root.append(style, section);
    document.documentElement.append(host);
    panel = { host, close };
    document.addEventListener("keydown", closeOnEscape);
  };

  const sheets = () => [...document.querySelectorAll("link[rel~=stylesheet]")]
    .filter((link) => link.getAttribute("href").startsWith("/assets/"));

  // The old sheet goes when the new one is there: no moment without style.
  const dress = (urls) => {
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

  const follow = async () => {
    let answer;
    try {
      answer = await fetch(location.href, { method: "HEAD", cache: "no-store" });
    } catch {
      return; // the preview has just ended
    }
    const now = answer.headers.get("X-Preview-Version");
    if (answer.redirected || now !== version) location.reload();
    else dress((answer.headers.get("X-Preview-Styles") || "").split(" ").filter(Boolean));
  };

  const take = (state) => {
    if (!state.heading) hidden = "";
    if (state.heading && !standsIn) {
      const key = JSON.stringify([state.faults, state.note]);
      if (key !== hidden) show(state, key);
      return;
    }
    remove();
    follow();
  };

  // A browser opens six connections to one host: tabs that nobody looks at must not hold one.
  const listen = () => {
    if (events || document.hidden) return;
    events = new EventSource("/_preview/events");
    events.addEventListener("message", (event) => take(JSON.parse(event.data)));
  };

  const rest = () => {
    if (events) events.close();
    events = null;
  };

  document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));
  window.addEventListener("pagehide", rest);
  window.addEventListener("pageshow", listen);
  listen();
})();
