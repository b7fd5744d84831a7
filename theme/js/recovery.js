// Recovery codes, for a lost phone. They are shown when they are generated.
"use strict";

(() => {
  const site = window.site;
  const { api, manage, words } = site;
  const path = "account/authenticators/recovery-codes";
  const section = document.getElementById("recovery");
  const form = document.getElementById("recovery-form");
  const shown = document.getElementById("recovery-shown");
  const list = document.getElementById("recovery-codes");
  let before = false; // whether the last list had codes
  let fresh = false; // whether they are new

  const show = (codes) => {
    list.replaceChildren(
      ...codes.map((code) => Object.assign(document.createElement("li"), { textContent: code })),
    );
    section.hidden = false;
    site.show(shown);
  };

  const hide = () => {
    list.replaceChildren();
    shown.hidden = true;
  };

  site.follow((authenticators) => {
    const found = authenticators.find((one) => one.type === "recovery_codes");
    section.hidden = !found;
    fresh = Boolean(found) && !before;
    before = Boolean(found);
    if (!found) return hide();
    document.getElementById("recovery-left").textContent = words.recoveryLeft
      .replace("{left}", found.unused_code_count)
      .replace("{all}", found.total_code_count);
    return undefined;
  });

  // The first authenticator generates codes: show them.
  site.newCodes = async () => {
    if (!fresh) return;
    const answer = await site.proven(() => api.get(path));
    if (answer && answer.status === 200 && answer.data.unused_codes) show(answer.data.unused_codes);
  };

  const self = manage(form, async () => {
    self.say();
    if (!(await site.sure(words.recoverySure))) return false;
    const answer = await site.proven(() => api.post(path, {}));
    if (!answer) return false;
    if (answer.status !== 200) return self.refuse(answer);
    await site.refresh();
    show(answer.data.unused_codes);
    return false;
  });

  document.getElementById("recovery-copy").addEventListener("click", async () => {
    const text = [...list.children].map((one) => one.textContent).join("\n");
    try {
      await navigator.clipboard.writeText(`${text}\n`);
      self.say(words.copied);
    } catch {
      getSelection().selectAllChildren(list);
      self.fail(words.notCopied);
    }
  });
  document.getElementById("recovery-print").addEventListener("click", () => {
    document.documentElement.dataset.print = "recovery"; // the stylesheet prints only this part
    window.print();
    delete document.documentElement.dataset.print;
  });
  document.getElementById("recovery-kept").addEventListener("click", () => {
    hide();
    self.say();
    form.querySelector("button").focus();
  });
})();
