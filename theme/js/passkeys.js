// Passkeys: convert between the browser's buffers and the API's JSON.
"use strict";

(() => {
  const site = window.site;

  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-")
      .replace(/[/]/g, "_")
      .replace(/=+$/, "");
  const listed = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  // For browsers without parse…FromJSON and toJSON.
  const creation = (options) => ({
    ...options,
    challenge: bytes(options.challenge),
    user: { ...options.user, id: bytes(options.user.id) },
    excludeCredentials: listed(options.excludeCredentials),
  });
  const request = (options) => ({
    ...options,
    challenge: bytes(options.challenge),
    allowCredentials: listed(options.allowCredentials),
  });
  const plain = (credential) => {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (credential.response[name]) response[name] = text(credential.response[name]);
    }
    if (credential.response.getTransports) response.transports = credential.response.getTransports();
    return {
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      response,
      authenticatorAttachment: credential.authenticatorAttachment,
      clientExtensionResults: credential.getClientExtensionResults(),
    };
  };

  const supported = Boolean(window.PublicKeyCredential && navigator.credentials);

  // Runs the browser's own dialog. Returns {credential}, or {problem}: the key of a message.
  const perform = async (deed) => {
    try {
      const credential = await deed();
      return { credential: credential.toJSON ? credential.toJSON() : plain(credential) };
    } catch (error) {
      return { problem: error.name === "InvalidStateError" ? "passkeyKnown" : "passkeyCancelled" };
    }
  };

  const create = ({ publicKey }) =>
    perform(() => {
      const parse = PublicKeyCredential.parseCreationOptionsFromJSON;
      return navigator.credentials.create({
        publicKey: parse ? parse.call(PublicKeyCredential, publicKey) : creation(publicKey),
      });
    });

  const get = ({ publicKey }) =>
    perform(() => {
      const parse = PublicKeyCredential.parseRequestOptionsFromJSON;
      return navigator.credentials.get({
        publicKey: parse ? parse.call(PublicKeyCredential, publicKey) : request(publicKey),
      });
    });

  // Authenticates with a passkey at `path` of the API. Returns its response, or {problem}.
  const prove = async (path) => {
    const begun = await site.api.get(path);
    if (begun.status !== 200) return begun;
    const { credential, problem } = await get(begun.data.request_options);
    return problem ? { problem } : site.api.post(path, { credential });
  };

  for (const part of document.querySelectorAll("[data-passkeys]")) part.hidden = !supported;
  site.passkeys = { supported, create, prove };
})();
