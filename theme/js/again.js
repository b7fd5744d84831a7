// Reauthentication: the API requires a recent proof before it changes a way to log in.
"use strict";

(() => {
  const site = window.site;
  const { api, manage, passkeys, words } = site;
  const dialog = document.getElementById("again");
  const form = document.getElementById("again-form");
  const { password, code } = form.elements;
  const other = document.getElementById("again-other");
  const byPasskey = document.getElementById("again-passkey");
  let proven = false;

  const choose = (field) => {
    for (const one of [password, code]) {
      one.closest(".field").hidden = one !== field;
      one.disabled = one !== field; // a hidden field is not required
      one.value = "";
    }
    other.textContent = field === password ? words.byCode : words.byPassword;
    field.focus();
  };

  const answered = (answer) => {
    if (answer.problem) self.fail(words[answer.problem]);
    else if (answer.status === 200) {
      proven = true;
      dialog.close();
    } else self.refuse(answer);
    return false;
  };

  const self = manage(form, async () =>
    answered(
      password.disabled
        ? await api.post("auth/2fa/reauthenticate", { code: code.value.replace(/\s/g, "") })
        : await api.post("auth/reauthenticate", { password: password.value }),
    ),
  );

  byPasskey.addEventListener("click", () =>
    self.run(async () => answered(await passkeys.prove("auth/webauthn/reauthenticate"))),
  );
  other.addEventListener("click", () => {
    self.say();
    choose(password.disabled ? password : code);
  });
  document.getElementById("again-cancel").addEventListener("click", () => dialog.close());

  // Opens the dialog with the methods of the account; true once the proof was accepted.
  const ask = (flows) =>
    new Promise((done) => {
      const types = (flows.find((one) => one.id === "mfa_reauthenticate") || { types: [] }).types;
      const typed = types.some((one) => one !== "webauthn");
      const known = flows.some((one) => one.id === "reauthenticate");
      other.hidden = !(known && typed);
      byPasskey.hidden = !(types.includes("webauthn") && passkeys.supported);
      proven = false;
      self.say();
      dialog.addEventListener("close", () => done(proven), { once: true });
      dialog.showModal();
      choose(known || !typed ? password : code);
    });

  // Sends a request; if the API requires a proof first, asks for it and repeats the request.
  // Returns null if the reader cancels, or is not logged in any more.
  site.proven = async (request) => {
    const answer = await request();
    if (answer.status !== 401) return answer;
    if (!answer.meta.is_authenticated) {
      location.assign(words.login);
      return null;
    }
    return (await ask(answer.data.flows || [])) ? request() : null;
  };

  const sure = document.getElementById("sure");
  document.getElementById("sure-no").addEventListener("click", () => sure.close(""));
  document.getElementById("sure-yes").addEventListener("click", () => sure.close("yes"));

  // Asks for confirmation before something is removed.
  site.sure = (text) =>
    new Promise((done) => {
      document.getElementById("sure-text").textContent = text;
      sure.returnValue = "";
      sure.addEventListener("close", () => done(sure.returnValue === "yes"), { once: true });
      sure.showModal();
    });
})();
