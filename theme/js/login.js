// The login form against the headless API of django-allauth ("browser" client).
//
// The config endpoint sets the CSRF cookie; the login endpoint takes JSON. Every sentence
// comes from the data- attributes of the form, so this file speaks no language.
"use strict";

(() => {
  const form = document.getElementById("login");
  const email = document.getElementById("login-email");
  const password = document.getElementById("login-password");
  const errorLine = document.getElementById("login-error");
  const statusLine = document.getElementById("login-status");
  const submit = document.getElementById("login-submit");
  const logout = document.getElementById("logout");
  const patience = 15000; // milliseconds until a silent API counts as unreachable
  let busy = false;

  const say = (key) => {
    errorLine.textContent = "";
    statusLine.textContent = key ? form.dataset[key] : "";
  };

  const fail = (key, field) => {
    statusLine.textContent = "";
    errorLine.textContent = form.dataset[key];
    if (field) {
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-describedby", errorLine.id);
      field.focus();
    }
  };

  // A button with the attribute disabled loses the focus; aria-disabled keeps it.
  const setBusy = (value) => {
    busy = value;
    form.setAttribute("aria-busy", String(value));
    for (const button of [submit, logout]) {
      button.setAttribute("aria-disabled", String(value));
    }
  };

  // Over plain HTTP (the preview) the cookie cannot carry the __Host- prefix.
  const token = () => {
    const found = document.cookie.match(/(?:^|;\s*)(?:__Host-)?csrftoken=([^;]*)/);
    return found ? decodeURIComponent(found[1]) : "";
  };

  const call = async (method, url, body) => {
    const headers = { Accept: "application/json" };
    if (method !== "GET") headers["X-CSRFToken"] = token();
    if (body) headers["Content-Type"] = "application/json";
    const response = await fetch(url, {
      method,
      headers,
      body: body ? JSON.stringify(body) : undefined,
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(patience),
    });
    // A page of HTML with status 200 is some other server, not a login.
    const isJson = (response.headers.get("Content-Type") || "").includes("json");
    return { status: isJson || response.status >= 400 ? response.status : 0,
      data: isJson ? await response.json() : {} };
  };

  const refused = (errors) => {
    const codes = errors.map((one) => one.code);
    if (codes.includes("too_many_login_attempts")) return fail("locked");
    const wrongEmail = errors.some((one) => one.param === "email" && one.code === "invalid");
    return wrongEmail ? fail("missingEmail", email) : fail("bad", password);
  };

  const unfinished = (flows) => {
    const pending = flows.filter((flow) => flow.is_pending).map((flow) => flow.id);
    if (pending.includes("verify_email")) return fail("verify");
    if (pending.includes("mfa_authenticate")) return fail("second");
    return pending.length ? fail("pending") : fail("bad", password);
  };

  const answer = ({ status, data }) => {
    if (status === 200) {
      say("done");
      if (location.pathname === form.dataset.page) location.assign("/");
      else location.reload(); // the form stood in for a members' page: fetch that one now
      return true;
    }
    if (status === 400) refused(data.errors || []);
    else if (status === 401) unfinished((data.data && data.data.flows) || []);
    else if (status === 409) {
      fail("already");
      logout.hidden = false;
    } else if (status === 429) fail("limited");
    else fail("unreachable");
    return false;
  };

  const missing = () => {
    for (const field of [email, password]) {
      field.removeAttribute("aria-invalid");
      field.removeAttribute("aria-describedby");
    }
    if (!email.validity.valid) fail("missingEmail", email);
    else if (!password.value) fail("missingPassword", password);
    else return false;
    return true;
  };

  const run = async (work) => {
    if (busy) return;
    setBusy(true);
    let leaving = false;
    try {
      leaving = await work();
    } catch {
      fail("unreachable"); // no network, no answer in time, or no JSON
    }
    if (!leaving) setBusy(false);
  };

  // The page may come back from the browser's memory as it was left: busy.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      say("");
      setBusy(false);
    }
  });

  form.noValidate = true; // the messages of this page are announced; the browser's bubbles vanish
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (busy || missing()) return;
    say("busy");
    run(async () => {
      await call("GET", form.dataset.config);
      return answer(await call("POST", form.action, { email: email.value.trim(), password: password.value }));
    });
  });

  logout.addEventListener("click", () => run(async () => {
    await call("GET", form.dataset.config);
    const { status } = await call("DELETE", form.dataset.session);
    if (status !== 401) return fail("unreachable"); // allauth answers 401: nobody is logged in now
    say("loggedOut");
    logout.hidden = true;
    email.focus();
    return false;
  }));
})();
