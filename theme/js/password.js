// Change the password; requires the current one.
"use strict";

(() => {
  const { api, manage, words } = window.site;
  const form = document.getElementById("password");

  manage(form, async (self) => {
    const { current_password: now, new_password: next } = form.elements;
    const answer = await api.post(form.getAttribute("action"), {
      current_password: now.value,
      new_password: next.value,
    });
    if (answer.status === 401 && !answer.meta.is_authenticated) return location.assign(words.login);
    if (answer.status !== 200) return self.refuse(answer);
    form.reset();
    next.type = "password"; // it may have been visible
    self.say(words.passwordChanged);
    return false;
  });
})();
