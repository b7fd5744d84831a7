// What all forms of the account share: one submit at a time, and accessible errors.
//
// Every sentence comes from the data- attributes of the page, so no script is translated. Those
// for errors of the API are named after its codes.
"use strict";

(() => {
  const site = window.site;
  const words = document.getElementById("words").dataset;
  const camel = (code) => code.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

  site.words = words;

  // The message for an unexpected response.
  site.reason = ({ status, errors }) => {
    const known = errors.map((one) => words[camel(one.code)]).find(Boolean);
    if (known) return known;
    if (status === 400) return words.refused;
    if (status === 403) return words.foreign;
    return status === 429 ? words.rateLimited : words.unreachable;
  };

  // Another heading for the same page: in its title too, which is what a screen reader announces.
  site.head = (text) => {
    const heading = document.querySelector("h1");
    document.title = document.title.replace(heading.textContent, text);
    heading.textContent = text;
    heading.tabIndex = -1;
    return heading;
  };

  // Shows one of several parts of a page and focuses it.
  site.show = (part, ...others) => {
    for (const other of others) other.hidden = true;
    part.hidden = false;
    const first = part.querySelector("[data-focus], input:not([hidden])") || part;
    if (first === part) part.tabIndex = -1;
    first.focus();
  };

  // Sets up a form. `work` runs on each submit whose fields are filled in; while it runs
  // nothing else does. When it returns true the page is being left, and the form stays as it is.
  site.manage = (form, work) => {
    const errorLine = form.querySelector("[role=alert]");
    const statusLine = form.querySelector("[role=status]");
    let busy = false;

    // A button with the attribute disabled loses the focus; aria-disabled keeps it.
    const setBusy = (value) => {
      busy = value;
      form.setAttribute("aria-busy", String(value));
      for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", String(value));
    };

    const clear = () => {
      for (const field of form.querySelectorAll("[aria-invalid]")) {
        field.removeAttribute("aria-invalid");
        if (field.dataset.hint) field.setAttribute("aria-describedby", field.dataset.hint);
        else field.removeAttribute("aria-describedby");
      }
    };

    const self = {
      form,
      say(text) {
        clear();
        errorLine.textContent = "";
        statusLine.textContent = text || "";
      },
      fail(text, field) {
        clear();
        statusLine.textContent = "";
        errorLine.textContent = text;
        if (!field) return;
        field.setAttribute("aria-invalid", "true");
        field.setAttribute("aria-describedby", [errorLine.id, field.dataset.hint].filter(Boolean).join(" "));
        field.focus();
      },
      // Shows the API's error at the field that it names.
      refuse(answer) {
        const named = answer.errors.map((one) => one.param && form.elements[one.param]);
        self.fail(site.reason(answer), named.find((field) => field && !field.hidden));
      },
      async run(task) {
        if (busy) return;
        setBusy(true);
        let leaving = false;
        try {
          leaving = await task();
        } finally {
          if (!leaving) setBusy(false);
        }
      },
    };

    form.noValidate = true; // the messages of this page are announced; the browser's bubbles are not
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (busy) return;
      const wrong = [...form.elements].find((field) => field.willValidate && !field.validity.valid);
      if (wrong) return void self.fail(wrong.dataset.missing, wrong);
      self.say(words.busy);
      self.run(() => work(self));
    });
    for (const box of form.querySelectorAll("[data-shows]")) {
      box.addEventListener("change", () => {
        document.getElementById(box.dataset.shows).type = box.checked ? "text" : "password";
      });
    }
    // The page may come back from the browser's memory as it was left: busy.
    window.addEventListener("pageshow", (event) => {
      if (!event.persisted) return;
      self.say();
      setBusy(false);
    });
    return self;
  };
})();
