"""Members of the site, their sessions, and their requests.

Inserts members into the database of a running site through Django. Writes files for wrk. Network: the
loopback alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from itertools import cycle, islice
from pathlib import Path

from benchmarks import processes, wrk
from benchmarks.wrk import Load
from tests.api.live_site import Site

SCRIPT = Path(__file__).with_name("readers.lua")
CONNECTIONS = 50
MEMBERS = 1_000  # of the site, with one password
OTHER_SESSIONS = 20_000  # which a query without an index would read
SESSIONS = 50  # of reading members
# So many that none reaches NGINX's limits of 50 members' pages a second and 30 logins a minute.
ADDRESSES = 10_000

# Run by `manage.py shell`. All users share one hash, since a login only verifies it.
_INSERT = """
from datetime import timedelta
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.utils import timezone
from api.accounts.models import MEMBERS_GROUP, Session, User

encoded, later = make_password({password!r}), timezone.now() + timedelta(1)
group = Group.objects.get(name=MEMBERS_GROUP)
with transaction.atomic():
    users = User.objects.bulk_create(User(email=e, password=encoded) for e in {emails!r})
    EmailAddress.objects.bulk_create(
        EmailAddress(user=u, email=u.email, verified=True, primary=True) for u in users
    )
    User.groups.through.objects.bulk_create(User.groups.through(user=u, group=group) for u in users)
    Session.objects.bulk_create(
        Session(session_key=f"x{{n:031}}", session_data="", expire_date=later, user=users[n % len(users)])
        for n in range({strangers})
    )
with connection.cursor() as cursor:
    cursor.execute("ANALYZE")  # as autovacuum does after a while
"""


def emails() -> list[str]:
    """Return the addresses of the members."""
    return [f"reader{number}@example.org" for number in range(MEMBERS)]


def insert_members(site: Site, password: str) -> None:
    """Insert the members and the other sessions into the database of *site*."""
    site.python(_INSERT.format(password=password, emails=emails(), strangers=OTHER_SESSIONS))


def log_in(site: Site, password: str) -> list[str]:
    """Log members in; return their cookies."""
    found = []
    for email in emails()[:SESSIONS]:
        one = site.browser()
        response = one.login(email, password)
        if response.status != 200:
            raise RuntimeError(f"{email}: login failed: {response.status} {response.body[:500]!r}")
        found.append("; ".join(f"{name}={value}" for name, value in one.jar.items()))
    return found


def write_requests(file: Path, requests: Iterable[str]) -> Path:
    """Write *requests* into *file* in the format of readers.lua."""
    file.write_bytes("".join(f"{one}\n.\n" for one in requests).encode())
    return file


def format_request(method: str, path: str, headers: Mapping[str, str], body: str = "") -> str:
    """Return the text of an HTTP/1.1 request."""
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", body])


def addresses() -> list[str]:
    """Return the addresses of readers: from each of the 512 networks of RFC 2544 in turn."""
    return [f"198.{18 + n % 2}.{n // 2 % 256}.{n // 512 + 1}" for n in range(ADDRESSES)]


def write_visits(file: Path, path: str, cookies: list[str], name: str, headers: Mapping[str, str]) -> Path:
    """Write a GET of *path* from every address, sent in the header *name*, with *cookies* in turn."""
    pairs = zip(addresses(), islice(cycle(cookies), ADDRESSES), strict=True)
    return write_requests(
        file, (format_request("GET", path, {**headers, name: one, "Cookie": cookie}) for one, cookie in pairs)
    )


def load(port: int, file: Path, seconds: int, connections: int = CONNECTIONS) -> Load:
    """Send the requests of *file* to *port* in a closed loop; return when all of them are done."""
    options = ("--script", str(SCRIPT), "--timeout", "20s")
    result = wrk.load(f"http://127.0.0.1:{port}", connections, seconds, options, [str(file)])
    wait_until_idle(port)
    return result


def wait_until_idle(port: int) -> None:
    """Wait until the API at *port* has closed the connections of requests that a client abandoned.

    wrk ends without the responses to its last requests; their logins fill the hash queue until they finish,
    and the API refuses the first logins of the next measurement.
    """
    end = time.monotonic() + 60
    while processes.open_connections(port):
        if time.monotonic() > end:
            raise RuntimeError(f"port {port}: requests of an ended client are open after 60 s")
        time.sleep(0.05)
