// The authenticator app: a secret that it shares with the API, and codes made of it.
"use strict";

(() => {
  const site = window.site;
  const { api, manage, words } = site;
  const path = "account/authenticators/totp";
  const off = document.getElementById("totp-off");
  const setup = document.getElementById("totp-setup");
  const on = document.getElementById("totp-on");
  const only = (part) => [off, setup, on].forEach((one) => { one.hidden = one !== part; });

  // Remove the secret from the page once it is in the app.
  const hold = (secret, url) => {
    document.getElementById("totp-secret").textContent = secret.replace(/(.{4})(?=.)/g, "$1 ");
    document.getElementById("totp-link").href = url;
    site.qr(document.getElementById("totp-qr"), url);
  };

  site.follow((list) => {
    const found = list.find((one) => one.type === "totp");
    hold("", "");
    if (found) document.getElementById("totp-since").textContent = site.date(found.created_at);
    only(found ? on : off);
  });

  // The proof is asked for before the secret is shown: a code is valid for 30 seconds, and a
  // dialog in between would take longer. This endpoint requires the proof and changes nothing.
  const ready = () => site.proven(() => api.get("account/authenticators/webauthn"));

  const offForm = manage(off, async (self) => {
    if (!(await ready())) return self.say();
    const answer = await api.get(path);
    if (answer.status === 200) return site.refresh(), self.say(); // set up in another window meanwhile
    const { secret, totp_url: url } = answer.meta;
    if (answer.status !== 404 || !secret) return self.refuse(answer);
    self.say();
    hold(secret, url);
    only(setup);
    setup.elements.code.focus();
    return false;
  });

  const setupForm = manage(setup, async (self) => {
    const code = setup.elements.code.value.replace(/\s/g, "");
    const answer = await site.proven(() => api.post(path, { code }));
    setup.elements.code.value = "";
    if (!answer) return self.say();
    if (answer.status !== 200) return self.refuse(answer);
    self.say();
    await site.refresh();
    onForm.say(words.totpOn);
    on.querySelector("button").focus();
    await site.newCodes();
    return false;
  });

  document.getElementById("totp-cancel").addEventListener("click", () => {
    setup.reset();
    setupForm.say();
    hold("", "");
    only(off);
    off.querySelector("button").focus();
  });

  const onForm = manage(on, async (self) => {
    self.say();
    if (!(await site.sure(words.totpSure))) return false;
    const answer = await site.proven(() => api.remove(path));
    if (!answer) return false;
    if (answer.status !== 200) return self.refuse(answer);
    await site.refresh();
    offForm.say(words.totpOff);
    off.querySelector("button").focus();
    return false;
  });
})();
