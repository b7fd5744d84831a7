// The passkeys of the account: add, rename, remove.
"use strict";

(() => {
  const site = window.site;
  const { api, manage, passkeys, words } = site;
  const path = "account/authenticators/webauthn";
  const list = document.getElementById("passkeys");
  const none = document.getElementById("passkeys-none");
  const pattern = document.getElementById("passkey");
  const add = document.getElementById("passkey-add");

  const row = (one) => {
    const item = pattern.content.cloneNode(true).firstElementChild;
    const form = item.querySelector("form");
    const name = form.elements.name;
    const part = (what) => item.querySelector(`[data-part=${what}]`);
    // Ids are unique on a page: each row of the template gets its own.
    for (const element of item.querySelectorAll("[id]")) element.id += one.id;
    for (const label of item.querySelectorAll("label")) label.htmlFor += one.id;
    part("name").textContent = one.name;
    part("facts").textContent =
      words.passkeyAdded.replace("{date}", site.date(one.created_at)) +
      (one.last_used_at ? words.passkeyUsed.replace("{date}", site.date(one.last_used_at)) : "");
    const plain = part("plain");
    const rename = part("rename");
    const remove = part("remove");
    for (const button of [rename, remove]) button.setAttribute("aria-label", `${button.textContent}: ${one.name}`);

    const self = manage(form, async () => {
      const answer = await site.proven(() => api.put(path, { id: one.id, name: name.value.trim() }));
      if (!answer) return self.say();
      if (answer.status !== 200) return self.refuse(answer);
      await site.refresh();
      added.say(words.passkeyRenamed);
      document.querySelector(`[data-passkey="${one.id}"] [data-part=rename]`).focus();
      return false;
    });
    rename.addEventListener("click", () => {
      name.value = one.name;
      site.show(form, plain);
      name.select();
    });
    part("cancel").addEventListener("click", () => {
      self.say();
      form.hidden = true;
      plain.hidden = false;
      rename.focus();
    });
    remove.addEventListener("click", async () => {
      if (!(await site.sure(words.passkeySure.replace("{name}", one.name)))) return;
      added.run(async () => {
        const answer = await site.proven(() => api.remove(path, { authenticators: [one.id] }));
        if (!answer) return false;
        if (answer.status !== 200) return added.refuse(answer);
        await site.refresh();
        added.say(words.passkeyRemoved);
        add.elements.name.focus();
        return false;
      });
    });
    item.dataset.passkey = one.id;
    return item;
  };

  site.follow((authenticators) => {
    const found = authenticators.filter((one) => one.type === "webauthn");
    list.replaceChildren(...found.map(row));
    list.hidden = found.length === 0;
    none.hidden = found.length > 0;
  });

  const added = manage(add, async (self) => {
    const name = add.elements.name.value.trim();
    // ?passwordless: a discoverable credential, which is a login by itself.
    const begun = await site.proven(() => api.get(`${path}?passwordless`));
    if (!begun) return self.say();
    if (begun.status !== 200) return self.refuse(begun);
    self.say(words.passkeyBusy);
    const { credential, problem } = await passkeys.create(begun.data.creation_options);
    if (problem) return self.fail(words[problem]);
    const answer = await site.proven(() => api.post(path, { name, credential }));
    if (!answer) return self.say();
    if (answer.status !== 200) return self.refuse(answer);
    add.reset();
    await site.refresh();
    self.say(words.passkeyDone);
    await site.newCodes();
    return false;
  });
})();
