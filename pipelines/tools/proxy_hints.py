"""Name the setting of a proxy that an unexpected response points to.

A registry or Nexus usually runs behind a proxy, whose own error pages do not name
their cause. Only a response whose sender is certain gets a hint: by its status, or
by the text that the server writes.

No reads, no writes, no network.
"""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

_REDIRECTS = (301, 302, 303, 307, 308)
# NGINX signs the pages that it makes by itself (ngx_http_special_response.c); forks keep the form.
_NGINX = (b"<center>nginx", b"<center>openresty", b"<center>angie", b"<center>tengine")
FORWARDED = (
    "the proxy in front of it has to send X-Forwarded-Proto"
    " (NGINX: proxy_set_header X-Forwarded-Proto $scheme;)"
)
# Texts of a 400: of NGINX (ngx_http_special_response.c), and of Go's net/http.
_BAD_REQUESTS = (
    (
        b"The plain HTTP request was sent to HTTPS port",
        "this port expects TLS; write its URL with https://",
    ),
    (
        b"Client sent an HTTP request to an HTTPS server",
        "this port expects TLS; write its URL with https://",
    ),
    (b"Request Header Or Cookie Too Large", "raise large_client_header_buffers in the NGINX in front of it"),
    (
        b"No required SSL certificate was sent",
        "NGINX in front of it expects a client certificate (ssl_verify_client), and none can be sent",
    ),
)
_NGINX_ERRORS = {
    403: "NGINX in front of it refuses this itself; check for deny, limit_except or a filter (WAF)",
    404: "NGINX in front of it has no such path; check its location and proxy_pass",
    405: "NGINX in front of it does not pass this method on; check for a location without proxy_pass",
    502: "NGINX in front of it does not reach the server behind; check proxy_pass, and that the server runs",
    504: "NGINX in front of it waited too long for the server behind; raise proxy_read_timeout",
}


def proxy_hint(status: int, body: bytes, url: str, location: str = "") -> str:
    """Return the likely cause of a response and its fix, or "".

    *url* is what was requested and *location* the target of a redirect. Shows hosts
    only: the path of a webhook is a secret.
    """
    if status == 413:
        return "a proxy in front of it takes no body of this size; NGINX: client_max_body_size 0;"
    if status in _REDIRECTS and location:
        return _redirect(url, location)
    if status == 400:
        return next((hint for text, hint in _BAD_REQUESTS if text in body), "")
    return _NGINX_ERRORS.get(status, "") if is_nginx_error(body) else ""


def is_nginx_error(body: bytes) -> bool:
    """Return whether *body* is an error page of NGINX itself, not of the server behind it."""
    return any(mark in body[-512:].lower() for mark in _NGINX)


def _redirect(url: str, location: str) -> str:
    try:
        old, new = urlsplit(url), urlsplit(urljoin(url, location))
        target = f"{new.scheme}://{new.netloc.rpartition('@')[2]}"
    except ValueError:
        return ""
    if (old.scheme, new.scheme) == ("https", "http"):
        return f"it redirects to {target}, without TLS; {FORWARDED}"
    if (old.scheme, old.netloc) != (new.scheme, new.netloc):
        return f"it redirects to {target}; write that URL"
    return "it redirects to another path of the same host; write the URL that it serves"
