// The login: a password or a passkey, and a second factor if the account has one.
//
// NGINX shows this page in place of a members' page, under the address of that page. Once the reader
// is logged in, the page is loaded again; so no return URL is ever passed around.
"use strict";

(() => {
  const { api, member, passkeys, words } = window.site;
  const first = document.getElementById("login");
  const second = document.getElementById("second");
  const logout = document.getElementById("logout");
  const title = document.querySelector("h1").textContent;
  const lead = document.querySelector("h1 + p"); // whom the login is for
  const inPlace = location.pathname !== words.page;

  const enter = () => {
    if (inPlace) location.reload();
    else location.assign(words.next);
    return true;
  };

  const askSecond = (types) => {
    const typed = types.some((one) => one !== "webauthn");
    document.getElementById("second-code").hidden = !typed;
    second.elements.code.disabled = !typed; // a hidden field is not required
    document.getElementById("second-submit").hidden = !typed;
    document.getElementById("second-passkey").hidden = !(types.includes("webauthn") && passkeys.supported);
    window.site.head(words.second);
    if (lead) lead.hidden = true;
    stepOne.say();
    first.elements.password.value = "";
    window.site.show(second, first);
    if (!typed) document.getElementById("second-passkey").focus();
  };

  const startAgain = (why) => {
    window.site.head(inPlace ? words.inPlace : title);
    if (lead) lead.hidden = false;
    second.reset();
    stepTwo.say();
    window.site.show(first, second);
    if (why) stepOne.fail(why, first.elements.password);
  };

  const answered = (answer, step) => {
    if (answer.problem) return step.fail(words[answer.problem]);
    if (answer.status === 200) {
      step.say(words.done);
      return enter();
    }
    const pending = (answer.data.flows || []).filter((flow) => flow.is_pending);
    const factor = pending.find((flow) => flow.id === "mfa_authenticate");
    if (answer.status === 401 && factor) askSecond(factor.types || []);
    else if (answer.status === 401 && pending.some((flow) => flow.id === "verify_email")) step.fail(words.verify);
    else if (answer.status === 401) step.fail(words.pending);
    else if (answer.status === 409 && step === stepTwo) startAgain(words.late);
    else if (answer.status === 409) already();
    else step.refuse(answer);
    return false;
  };

  const already = () => {
    stepOne.say(words.already);
    logout.hidden = false;
  };

  const stepOne = window.site.manage(first, async () =>
    answered(
      await api.post(first.getAttribute("action"), {
        email: first.elements.email.value.trim(),
        password: first.elements.password.value,
      }),
      stepOne,
    ),
  );
  const stepTwo = window.site.manage(second, async () => {
    const code = second.elements.code.value.replace(/\s/g, "");
    const answer = await api.post(second.getAttribute("action"), { code });
    second.elements.code.value = "";
    return answered(answer, stepTwo);
  });

  document.getElementById("login-passkey").addEventListener("click", () =>
    stepOne.run(async () => {
      stepOne.say(words.passkeyBusy);
      return answered(await passkeys.prove("auth/webauthn/login"), stepOne);
    }),
  );
  document.getElementById("second-passkey").addEventListener("click", () =>
    stepTwo.run(async () => {
      stepTwo.say(words.passkeyBusy);
      return answered(await passkeys.prove("auth/webauthn/authenticate"), stepTwo);
    }),
  );
  document.getElementById("second-back").addEventListener("click", () => startAgain());

  logout.addEventListener("click", () =>
    stepOne.run(async () => {
      const answer = await api.remove("auth/session");
      if (answer.status !== 401) return stepOne.refuse(answer); // 401: not logged in
      stepOne.say(words.loggedOut);
      logout.hidden = true;
      first.elements.email.focus();
      return false;
    }),
  );

  if (inPlace) window.site.head(words.inPlace).focus();
  if (member.name()) api.get("auth/session").then(({ status }) => status === 200 && already());
})();
