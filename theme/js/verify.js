// Confirm a mail address with the key of the mail. Mail scanners open every link, so opening this
// page confirms nothing; a button does.
"use strict";

(() => {
  const { api, mailLink, manage, show } = window.site;
  const form = document.getElementById("verify");
  const dead = document.getElementById("verify-dead");
  const { key } = mailLink;

  const isDead = (answer) => answer.errors.some((one) => one.code === "invalid_or_expired_key");

  manage(form, async (self) => {
    const answer = await api.post(form.getAttribute("action"), { key });
    if (isDead(answer)) show(dead, form);
    // 401: confirmed; that does not log in.
    else if (answer.status === 401 || answer.status === 200) {
      self.say();
      mailLink.forget();
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
