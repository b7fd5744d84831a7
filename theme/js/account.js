// The account: the member's name, and the logout. Parts of the page subscribe to the list of
// authenticators with `site.follow`.
"use strict";

(() => {
  const site = window.site;
  const { api, manage, words } = site;
  const page = document.getElementById("account");
  const waiting = document.getElementById("account-waiting");
  const trouble = document.getElementById("account-trouble");
  const followers = [];

  site.follow = (follower) => followers.push(follower);

  site.date = (seconds) =>
    new Date(seconds * 1000).toLocaleDateString(words.locale, { dateStyle: "long" });

  // Requests the list again and notifies every part of the page; false without a response.
  site.refresh = async () => {
    const answer = await api.get("account/authenticators");
    if (answer.status === 200) followers.forEach((follower) => follower(answer.data));
    return answer.status === 200;
  };

  const begin = async () => {
    trouble.hidden = true;
    waiting.hidden = false;
    const answer = await api.get("auth/session");
    if (answer.status === 401) return location.replace(words.login);
    const known = answer.status === 200 && (await site.refresh());
    waiting.hidden = true;
    if (!known) {
      document.getElementById("account-why").textContent = site.reason(answer);
      trouble.hidden = false;
      return undefined;
    }
    const { display, email } = answer.data.user;
    document.getElementById("account-name").textContent = display;
    document.getElementById("account-email").textContent = email && email !== display ? `(${email})` : "";
    for (const field of document.querySelectorAll("input[name=username]")) field.value = email || display;
    page.hidden = false;
    return undefined;
  };

  document.getElementById("account-retry").addEventListener("click", begin);

  manage(document.getElementById("logout"), async (self) => {
    const answer = await api.remove("auth/session");
    if (answer.status !== 401) return self.refuse(answer); // 401: not logged in
    location.replace(words.login);
    return true;
  });

  // After the other scripts of the page: they subscribe to the list that this one requests.
  document.addEventListener("DOMContentLoaded", begin);
})();
