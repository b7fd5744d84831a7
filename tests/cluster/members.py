"""Members of the site on a cluster: invited by a login pod, their mail read, logged in over HTTP."""

from __future__ import annotations

import http.cookiejar
import json
import re
import secrets
import ssl
import urllib.request
from email import message_from_bytes, policy
from urllib.error import HTTPError

from tests.cluster import processes, site
from tests.cluster.layout import SITE, Layout

PASSWORD = "a long walk at dusk"
_API = f"https://{SITE}/_allauth/browser/v1"


def mails(there: Layout, address: str) -> list[str]:
    """Return the texts of the mails to *address*, the oldest first."""
    found = []
    for file in sorted((there.run / "mail").glob("*.eml")):
        mail = message_from_bytes(file.read_bytes(), policy=policy.default)
        if mail["To"] == address:
            body = mail.get_body(("plain",))
            found.append(str(body.get_content()) if body else "")
    return found


def invite(there: Layout, address: str, name: str, *, owner: bool = False) -> str:
    """Invite a member; return the path of the link in the mail."""
    site.manage(there, "invite", address, "--name", name, *(["--owner"] if owner else []))
    processes.wait_until(lambda: mails(there, address), 30, f"no mail to {address}")
    found = re.search(rf"https://{re.escape(SITE)}(/\S+)", mails(there, address)[-1])
    assert found, mails(there, address)
    return found[1]


class Session:
    """An HTTP client with cookies and the CSRF header."""

    def __init__(self) -> None:
        self.jar = http.cookiejar.CookieJar()
        context = ssl.create_default_context()
        self.opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(self.jar), urllib.request.HTTPSHandler(context=context)
        )

    def send(self, method: str, url: str, body: object = None) -> tuple[int, bytes]:
        """Send a request; return status and body; raise OSError without a response."""
        data = None if body is None else json.dumps(body).encode()
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Origin": f"https://{SITE}",
        }
        for cookie in self.jar:
            if "csrftoken" in cookie.name:
                headers["X-CSRFToken"] = cookie.value or ""
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with self.opener.open(request, timeout=30) as found:
                return found.status, found.read()
        except HTTPError as error:
            with error:
                return error.code, error.read()

    def set_password(self, key: str, password: str = PASSWORD) -> None:
        """Set the password by the key of a mail."""
        self.send("GET", f"{_API}/config")
        body = {"key": key, "password": password}
        status, text = self.send("POST", f"{_API}/auth/password/reset", body)
        assert status in (200, 401), text  # 401: it is set, and a login is the next step

    def login(self, address: str) -> tuple[int, bytes]:
        """Log in."""
        self.send("GET", f"{_API}/config")
        return self.send("POST", f"{_API}/auth/login", {"email": address, "password": PASSWORD})

    def page(self, path: str) -> int:
        """Return the status of a page."""
        return self.send("GET", f"https://{SITE}{path}")[0]


def create_users(there: Layout) -> None:
    """Add an owner and a member with random passwords, and write these into users.json."""
    users = {}
    for address, name in (("owner@example.org", "Olga"), ("member@example.org", "Mo")):
        users[address] = secrets.token_urlsafe(12)
        key = invite(there, address, name, owner=address.startswith("owner")).partition("#")[2]
        Session().set_password(key, users[address])
    file = there.base / "users.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(users))


def logged_in(there: Layout, address: str, name: str) -> Session:
    """Return the session of a new member."""
    key = invite(there, address, name).partition("#")[2]
    session = Session()
    session.set_password(key)
    status, body = session.login(address)
    assert status == 200, body
    return session
