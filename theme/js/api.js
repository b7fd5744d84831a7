// Calls of the headless API of django-allauth, as its "browser" client makes them.
//
// Every call returns a response, never an exception: status 0 means that there was none, or that
// it was not from the API.
"use strict";

(() => {
  const site = window.site;
  const base = "/_allauth/browser/v1/";
  const patience = 15000; // timeout in milliseconds

  // Over plain HTTP (one machine) the cookie cannot carry the __Host- prefix.
  const token = () => {
    const found = document.cookie.match(/(?:^|;\s*)(?:__Host-)?csrftoken=([^;]*)/);
    return found ? decodeURIComponent(found[1]) : "";
  };

  const ask = async (method, path, body, headers) => {
    const fields = { Accept: "application/json", ...headers };
    if (method !== "GET") fields["X-CSRFToken"] = token();
    if (body) fields["Content-Type"] = "application/json";
    const response = await fetch(path.startsWith("/") ? path : base + path, {
      method,
      headers: fields,
      body: body ? JSON.stringify(body) : undefined,
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(patience),
    });
    const told = await response.text(); // always read the body: see member.js
    // HTML with status 200 is from another server, not a login.
    const isJson = (response.headers.get("Content-Type") || "").includes("json");
    const { data, meta, errors } = isJson ? JSON.parse(told) : {};
    return {
      status: isJson || response.status >= 400 ? response.status : 0,
      data: data || {},
      meta: meta || {},
      errors: errors || [],
    };
  };

  const call = async (method, path, body, headers) => {
    try {
      if (method !== "GET" && !token()) await ask("GET", "config"); // sets the cookie, creates no session
      const answer = await ask(method, path, body, headers);
      if (answer.status === 200 && answer.meta.is_authenticated) site.member.remember(answer.data.user.display);
      if (answer.status === 401 && !answer.meta.is_authenticated) site.member.forget();
      return answer;
    } catch {
      return { status: 0, data: {}, meta: {}, errors: [] }; // no network, timeout, or not JSON
    }
  };

  site.api = {
    get: (path, headers) => call("GET", path, undefined, headers),
    post: (path, body) => call("POST", path, body),
    put: (path, body) => call("PUT", path, body),
    remove: (path, body) => call("DELETE", path, body),
  };
})();
