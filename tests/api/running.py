"""The login as it runs on a cluster: gunicorn, a real database, real mail, behind the real NGINX.

    with running(folder, project, database_url) as site:
        site.invite("ann@example.org", name="Ann")          # the mail is in site.mails
        ann = site.browser()                                 # cookies, CSRF, one address
        ann.set_password("ann@example.org", PASSWORD)        # by the key of that mail
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

from tests.api.mail import Mails, mails
from tests.api.processes import Gunicorn, gunicorns
from tests.api.shell import Shell
from tests.support.previews import PATIENCE, free_port, own_environment
from tests.support.project import ROOT
from tests.web import server
from tests.web.server import WebServer

API = "/_allauth/browser/v1"
PASSWORD = "a long walk at dusk"
_READERS = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)


class Browser:
    """A reader's browser, as far as cookies go: an address, a jar, and the CSRF header."""

    def __init__(self, site: Site, address: str, jar: Mapping[str, str] | None = None) -> None:
        self.site, self.address = site, address
        self.jar = dict(jar or {})  # cookies; those of another browser are stolen
        self.flags: dict[str, str] = {}  # the Set-Cookie lines as they came

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        raw: bytes | None = None,
        port: int | None = None,
    ) -> Answer:
        """Send a request with the jar's cookies; *body* becomes JSON, *raw* is sent as it is."""
        data = raw if raw is not None else (b"" if body is None else json.dumps(body).encode())
        fields = {
            "Host": self.site.host,
            "X-Forwarded-For": self.address,
            "Origin": self.site.url,
            "Accept": "application/json",
            "Content-Length": str(len(data)),
            "X-Forwarded-Proto": self.site.url.split(":")[0],  # as an edge says it
        }
        if data:
            fields["Content-Type"] = "application/json"
        if self.jar:
            fields["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        if token := self.jar.get(self.site.csrf):
            fields["X-CSRFToken"] = token
        line = HTTPConnection("127.0.0.1", port or self.site.web.port, timeout=PATIENCE)
        try:
            line.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in {**fields, **(headers or {})}.items():
                if value:
                    line.putheader(name, value)
            with suppress(BrokenPipeError, ConnectionResetError):  # it may answer before it has read all
                line.endheaders(data or None)
            got = line.getresponse()
            for text in got.headers.get_all("Set-Cookie") or []:
                for name, morsel in SimpleCookie(text).items():
                    self.flags[name] = text
                    if morsel["max-age"] == "0" or not morsel.value or "1970" in morsel["expires"]:
                        self.jar.pop(name, None)
                    else:
                        self.jar[name] = morsel.coded_value  # as it came, quotes and all
            return Answer(got.status, {n.lower(): v for n, v in got.getheaders()}, got.read())
        finally:
            line.close()

    def call(self, method: str, path: str, body: object = None, **more: Any) -> Answer:
        """Call the API: the CSRF cookie is fetched first where there is none."""
        if self.site.csrf not in self.jar:
            self.send("GET", f"{API}/config")
        return self.send(method, f"{API}/{path}", body, **more)

    def login(self, email: str, password: str = PASSWORD) -> Answer:
        """Log in."""
        return self.call("POST", "auth/login", {"email": email, "password": password})

    def logout(self) -> Answer:
        """Log out."""
        return self.call("DELETE", "auth/session")

    def set_password(self, email: str, password: str = PASSWORD) -> Answer:
        """Set the password by the key of the newest mail to *email*."""
        key = self.site.mails.key(email)
        return self.call("POST", "auth/password/reset", {"key": key, "password": password})


@dataclass
class Site:
    """A site with its login, running."""

    web: WebServer
    mails: Mails
    environment: dict[str, str]
    ports: list[int]  # of the processes of the API, which readers cannot reach
    processes: list[Gunicorn] = field(default_factory=list)
    shell: Shell | None = None

    @property
    def host(self) -> str:
        """Return host and port, as browsers send them."""
        return self.environment["LOGIN_SITE_URL"].split("://")[1]

    @property
    def url(self) -> str:
        """Return what readers open."""
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
        """Return a browser that has never been here, in a network of its own."""
        number = next(_READERS)
        return Browser(self, address or f"198.18.{number % 250}.{number // 250 % 250 + 1}")

    def member(self, email: str, *, owner: bool = False) -> Browser:
        """Make a member with PASSWORD and return a browser that is logged in."""
        self.invite(email, owner=owner)
        one = self.browser()
        taken = one.set_password(email)
        assert taken.status == 401, taken
        entered = one.login(email)
        assert entered.status == 200, entered
        return one

    def invite(self, email: str, *, name: str = "", owner: bool = False) -> str:
        """Make a user, who gets a mail."""
        words = ["invite", email, "--name", name, *(["--owner"] if owner else [])]
        return self.python(f"from django.core.management import call_command as call; call(*{words!r})")

    def manage(self, *words: str, code: int = 0, more: Mapping[str, str] | None = None) -> str:
        """Run a command of Django, with *more* in its environment; return what it printed."""
        done = subprocess.run(
            [sys.executable, "api/manage.py", *words],
            cwd=ROOT,
            env={**own_environment(), **self.environment, **(more or {})},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def python(self, text: str) -> str:
        """Run *text* in a process that has Django set up; return what it printed."""
        assert self.shell, "this site has none"
        return self.shell.run(text)


def environment(url: str, database: str, mail_port: int) -> dict[str, str]:
    """Return what the API is told."""
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
def running(
    folder: Path, project: Path, database: str, *, processes: int = 1, tls: bool = False
) -> Iterator[Site]:
    """Run the site of *project* with its login; everything ends with the block.

    *processes* are gunicorns, each with a port, asked in turn by NGINX. With
    *tls* the site is https://small.example, behind an edge that browsers play.
    """
    front, ports = free_port(), [free_port() for _ in range(processes)]
    with ExitStack() as stack:
        mail = stack.enter_context(mails())
        url = "https://small.example" if tls else f"http://localhost:{front}"
        settings = environment(url, database, mail.port)
        site = Site(None, mail, settings, ports)  # type: ignore[arg-type]  # NGINX comes last
        site.manage("migrate", "-v", "0")
        site.shell = stack.enter_context(Shell(settings))
        site.processes += stack.enter_context(gunicorns(folder, ports, settings))
        # Each is asked in turn, whatever it said before: nothing is remembered of one that was stopped.
        servers = "".join(f"server 127.0.0.1:{port} max_fails=0; " for port in ports)
        text = server.cluster_conf(
            f"{server.TRUSTED}upstream api {{ {servers}}}\n", api="api", site_host=site.host.split(":")[0]
        )
        site.web = stack.enter_context(server.run_process(folder, project, text, port=front))
        yield site
