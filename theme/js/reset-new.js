// Set a new password with the key of the mail.
"use strict";

(() => {
  const { api, mailLink, manage, show } = window.site;
  const form = document.getElementById("reset-new");
  const dead = document.getElementById("reset-dead");
  const { key } = mailLink;

  const isDead = (answer) => answer.errors.some((one) => one.code === "invalid_password_reset");

  manage(form, async (self) => {
    const answer = await api.post(form.getAttribute("action"), { key, password: form.elements.password.value });
    if (isDead(answer)) show(dead, form);
    // 401: the password is set; that does not log in.
    else if (answer.status === 401 || answer.status === 200) {
      self.say();
      mailLink.forget();
      show(document.getElementById("reset-done"), form);
    } else self.refuse(answer);
    return false;
  });

  if (!key) {
    dead.hidden = false;
    return;
  }
  form.hidden = false;
  // The account, for the password manager; and whether the key is still valid.
  api.get(form.getAttribute("action"), { "X-Password-Reset-Key": key }).then((answer) => {
    if (answer.status === 200) form.elements.username.value = answer.data.user.email || "";
    else if (isDead(answer)) show(dead, form);
  });
})();
