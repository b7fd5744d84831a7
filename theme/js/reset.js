// A forgotten password: request the mail with the reset link.
"use strict";

(() => {
  const { api, manage, show } = window.site;
  const form = document.getElementById("reset");

  // The response is the same for an unknown address.
  manage(form, async (self) => {
    const email = form.elements.email.value.trim();
    const answer = await api.post(form.getAttribute("action"), { email });
    if (answer.status !== 200) return self.refuse(answer);
    self.say();
    document.getElementById("reset-address").textContent = email;
    show(document.getElementById("reset-sent"), form);
    return false;
  });
})();
