// Confirm a mail address, by the key of the mail. Programs that look through mail open every link in
// it: so opening this page confirms nothing, a button does.
"use strict";

(() => {
  const { api, manage, show } = window.site;
  const form = document.getElementById("verify");
  const dead = document.getElementById("verify-dead");
  const key = location.hash.slice(1);

  window.addEventListener("hashchange", () => location.hash && location.reload());

  const isDead = (answer) => answer.status === 400 && answer.errors.some((one) => one.param === "key");

  manage(form, async (self) => {
    const answer = await api.post(form.getAttribute("action"), { key });
    if (isDead(answer)) show(dead, form);
    // 401: confirmed, and nobody is logged in by that.
    else if (answer.status === 401 || answer.status === 200) {
      self.say();
      history.replaceState(null, "", location.pathname);
      show(document.getElementById("verify-done"), form);
    } else self.refuse(answer);
    return false;
  });

  if (!key) {
    dead.hidden = false;
    return;
  }
  form.hidden = false;
  api.get(form.getAttribute("action"), { "X-Email-Verification-Key": key }).then((answer) => {
    if (answer.status === 200) document.getElementById("verify-address").textContent = answer.data.email;
    else if (isDead(answer)) show(dead, form);
  });
})();
