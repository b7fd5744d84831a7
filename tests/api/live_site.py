"""A running site with login: gunicorn, a real database, a real mail server, behind the real NGINX.

    with run_site(folder, project, database_url) as site:
        site.invite("ann@example.org", name="Ann")          # sends a mail to site.mails
        ann = site.browser()                                 # cookies, CSRF token, IP address
        ann.set_password("ann@example.org", PASSWORD)        # with the key of that mail
        ann.login("ann@example.org", PASSWORD)

*project* is a built site (tests.web.conftest.build_web_project). ``site.url`` is what readers open:
http://localhost:PORT, where browsers allow passkeys.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from tests.api.django_shell import DjangoShell
from tests.api.mail_server import MailServer, run_mail_server
from tests.api.processes import Gunicorn, run_gunicorns
from tests.support.previews import TIMEOUT, clean_environment, free_port
from tests.support.project import ROOT
from tests.web import server
from tests.web.server import WebServer

API = "/_allauth/browser/v1"
PASSWORD = "a long walk at dusk"
_CLIENT_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Response:
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


class Browser:
    """An HTTP client with an IP address, a cookie jar and the CSRF header."""

    def __init__(self, site: Site, address: str, jar: Mapping[str, str] | None = None) -> None:
        self.site, self.address = site, address
        self.jar = dict(jar or {})  # cookies; the jar of another browser simulates theft
        self.flags: dict[str, str] = {}  # the raw Set-Cookie headers

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        raw: bytes | None = None,
        port: int | None = None,
    ) -> Response:
        """Send a request with the jar's cookies; *body* is sent as JSON, *raw* unchanged."""
        data = raw if raw is not None else (b"" if body is None else json.dumps(body).encode())
        fields = {
            "Host": self.site.host,
            "X-Forwarded-For": self.address,
            "Origin": self.site.url,
            "Accept": "application/json",
            "Content-Length": str(len(data)),
            "X-Forwarded-Proto": self.site.url.split(":")[0],  # as the edge sends it
        }
        if data:
            fields["Content-Type"] = "application/json"
        if self.jar:
            fields["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        if token := self.jar.get(self.site.csrf):
            fields["X-CSRFToken"] = token
        connection = HTTPConnection("127.0.0.1", port or self.site.web.port, timeout=TIMEOUT)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in {**fields, **(headers or {})}.items():
                if value:
                    connection.putheader(name, value)
            with suppress(BrokenPipeError, ConnectionResetError):  # it may respond before the end
                connection.endheaders(data or None)
            got = connection.getresponse()
            for text in got.headers.get_all("Set-Cookie") or []:
                for name, morsel in SimpleCookie(text).items():
                    self.flags[name] = text
                    if morsel["max-age"] == "0" or not morsel.value or "1970" in morsel["expires"]:
                        self.jar.pop(name, None)
                    else:
                        self.jar[name] = morsel.coded_value  # unchanged, with quotes
            return Response(got.status, {n.lower(): v for n, v in got.getheaders()}, got.read())
        finally:
            connection.close()

    def call(self, method: str, path: str, body: object = None, **more: Any) -> Response:
        """Call the API; get the CSRF cookie first if it is missing."""
        if self.site.csrf not in self.jar:
            self.send("GET", f"{API}/config")
        return self.send(method, f"{API}/{path}", body, **more)

    def login(self, email: str, password: str = PASSWORD) -> Response:
        """Log in."""
        return self.call("POST", "auth/login", {"email": email, "password": password})

    def logout(self) -> Response:
        """Log out."""
        return self.call("DELETE", "auth/session")

    def set_password(self, email: str, password: str = PASSWORD) -> Response:
        """Set the password with the key of the newest mail to *email*."""
        key = self.site.mails.key(email)
        return self.call("POST", "auth/password/reset", {"key": key, "password": password})


@dataclass
class Site:
    """A running site with login."""

    web: WebServer
    mails: MailServer
    environment: dict[str, str]
    ports: list[int]  # of the API's processes, behind NGINX
    processes: list[Gunicorn] = field(default_factory=list)
    shell: DjangoShell | None = None

    @property
    def host(self) -> str:
        """Return host and port, as in the Host header."""
        return self.environment["LOGIN_SITE_URL"].split("://")[1]

    @property
    def url(self) -> str:
        """Return the URL of the site."""
        return self.environment["LOGIN_SITE_URL"]

    @property
    def csrf(self) -> str:
        """Return the name of the CSRF cookie."""
        return "__Host-csrftoken" if self.url.startswith("https") else "csrftoken"

    @property
    def session(self) -> str:
        """Return the name of the session cookie."""
        return "__Host-sessionid" if self.url.startswith("https") else "sessionid"

    def browser(self, address: str = "") -> Browser:
        """Return a new browser in its own network."""
        number = next(_CLIENT_NUMBERS)
        return Browser(self, address or f"198.18.{number % 250}.{number // 250 % 250 + 1}")

    def member(self, email: str, *, owner: bool = False) -> Browser:
        """Create a member with PASSWORD and return a logged-in browser."""
        self.invite(email, owner=owner)
        one = self.browser()
        reset = one.set_password(email)
        assert reset.status == 401, reset
        login = one.login(email)
        assert login.status == 200, login
        return one

    def invite(self, email: str, *, name: str = "", owner: bool = False) -> str:
        """Create a user and send the invitation."""
        argv = ["invite", email, "--name", name, *(["--owner"] if owner else [])]
        return self.python(f"from django.core.management import call_command as call; call(*{argv!r})")

    def manage(self, *words: str, code: int = 0, more: Mapping[str, str] | None = None) -> str:
        """Run a management command, with *more* in its environment; return its output."""
        done = subprocess.run(
            [sys.executable, "api/manage.py", *words],
            cwd=ROOT,
            env={**clean_environment(), **self.environment, **(more or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def python(self, text: str) -> str:
        """Run *text* in a process with Django set up; return its output."""
        assert self.shell, "this site has no shell"
        return self.shell.run(text)


def login_environment(url: str, database: str, mail_port: int) -> dict[str, str]:
    """Return the environment variables of the API."""
    return {
        "LOGIN_SITE_URL": url,
        "LOGIN_SITE_NAME": "A small site",
        "LOGIN_SECRET_KEYS": secrets.token_urlsafe(64),
        "LOGIN_ENCRYPTION_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "LOGIN_MAIL_HOST": "127.0.0.1",
        "LOGIN_MAIL_PORT": str(mail_port),
        "LOGIN_MAIL_TLS": "none",
        "LOGIN_MAIL_FROM": "login@small.example",
        "DATABASE_URL": database,
    }


@contextmanager
def run_site(
    folder: Path, project: Path, database: str, *, processes: int = 1, tls: bool = False
) -> Iterator[Site]:
    """Run the site of *project* with login until the block ends.

    NGINX balances between *processes* gunicorns. With *tls* the site is https://small.example, and browsers
    send the headers of the edge.
    """
    front, ports = free_port(), [free_port() for _ in range(processes)]
    with ExitStack() as stack:
        mail = stack.enter_context(run_mail_server())
        url = "https://small.example" if tls else f"http://localhost:{front}"
        settings = login_environment(url, database, mail.port)
        site = Site(None, mail, settings, ports)  # type: ignore[arg-type]  # NGINX comes last
        site.manage("migrate", "-v", "0")
        site.shell = stack.enter_context(DjangoShell(settings))
        site.processes += stack.enter_context(run_gunicorns(folder, ports, settings))
        # Round robin without passive health checks: NGINX does not skip a restarted process.
        servers = "".join(f"server 127.0.0.1:{port} max_fails=0; " for port in ports)
        text = server.cluster_conf(
            f"{server.TRUSTED}upstream api {{ {servers}}}\n", api="api", site_host=site.host.split(":")[0]
        )
        site.web = stack.enter_context(server.run_process(folder, project, text, port=front))
        yield site
