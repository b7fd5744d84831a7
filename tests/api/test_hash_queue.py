"""The hash queue limits the memory and CPU that a pod spends on passwords."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest

from api.accounts.hash_queue import MAX_CONCURRENT, MAX_QUEUED
from api.config import gunicorn
from tests.api.live_site import API, PASSWORD, Browser, Response, Site
from tests.api.processes import Gunicorn
from tests.support.previews import free_port, wait_until

pytestmark = pytest.mark.slow

# Eight threads each for encode and verify; a fake hash counts the concurrent calls.
CONCURRENT_HASHES = """
import os, threading, time
from threading import Lock, Thread
from unittest import mock
from django.contrib.auth.hashers import Argon2PasswordHasher as Django
from api.accounts.hashers import Argon2
from api.accounts.hash_queue import QueueFull

inside, most, done, refused, priorities, lock = 0, 0, 0, 0, set(), Lock()

def slow(self, *words):
    global inside, most
    with lock:
        inside += 1
        most = max(most, inside)
        priorities.add(os.getpriority(os.PRIO_PROCESS, 0))
    time.sleep(0.5)
    with lock:
        inside -= 1

def one(hash_, *words):
    global done, refused
    try:
        hash_(*words)
        done += 1
    except QueueFull:
        refused += 1

usual = os.getpriority(os.PRIO_PROCESS, 0)
with mock.patch.object(Django, "encode", slow), mock.patch.object(Django, "verify", slow):
    threads = [Thread(target=one, args=(Argon2().encode, "p", "s")) for _ in range(8)]
    threads += [Thread(target=one, args=(Argon2().verify, "p", "e")) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
print(most, done, refused, [one - usual for one in priorities], os.getpriority(os.PRIO_PROCESS, 0) - usual)
"""


def test_two_hashes_run_concurrently_and_three_wait(site: Site) -> None:
    """Each takes 20 MB and a processor; the hashing threads have a lower priority."""
    assert site.python(CONCURRENT_HASHES) == "2 5 11 [10] 0\n"


# Send requests to every path with Django's test client, with and without a session; record those that hash.
FIND_HASHING_PATHS = """
import json, re
from unittest import mock
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher as Django
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from api.accounts import middleware
from django.urls import get_resolver, URLPattern

found = []
def spy(real):
    def hash_(self, *words):
        found.append(where[0])
        return real(self, *words)
    return hash_

def patterns(resolver, before=""):
    for one in resolver.url_patterns:
        path = before + str(one.pattern)
        if isinstance(one, URLPattern):
            yield path
        else:
            yield from patterns(one, path)

client = Client(headers={{"host": {host!r}, "x-real-ip": "198.51.100.77"}}, raise_request_exception=False)
where, jars = [""], {{"member": {session!r}, "anonymous": ""}}
bodies = [
    {{"email": {email!r}, "password": "not it at all", "current_password": "not it at all",
      "new_password": "another long one", "key": {key!r}, "code": "123456", "username": {email!r}}},
    {{"email": "nobody@example.org", "password": {password!r}, "current_password": {password!r},
      "new_password": "another long one", "key": "x-y", "code": "123456", "username": "nobody@example.org"}},
]
paths = ["/" + re.sub(r"[\\^$]|\\(\\?:.*", "", path) for path in patterns(get_resolver())]
paths = [path for path in paths if "<" not in path and "(" not in path]
encode = mock.patch.object(Django, "encode", spy(Django.encode))
verify = mock.patch.object(Django, "verify", spy(Django.verify))
with encode, verify:
    for path in paths:
        for jar in jars.values():
            for body in bodies:
                for method in ("POST", "PUT", "HEAD", "GET"):
                    cache.clear()
                    client.cookies.clear()
                    if jar:
                        client.cookies[settings.SESSION_COOKIE_NAME] = jar
                    where[0] = (method, path)
                    with transaction.atomic():  # rolled back, so that session and key stay valid
                        client.generic(method, path, json.dumps(body), content_type="application/json")
                        transaction.set_rollback(True)
cache.clear()
print(json.dumps([len(paths), sorted(set(found)), sorted(middleware.HASHING_PATHS)]))
"""


def test_every_path_that_hashes_is_queued(site: Site) -> None:
    """For every path of the API and every method, with and without a session."""
    email = "ways@example.org"
    member = site.member(email)
    response = site.browser().call("POST", "auth/password/request", {"email": email})
    assert response.status == 200
    text = FIND_HASHING_PATHS.format(
        host=site.host, session=member.jar[site.session], email=email, password=PASSWORD,
        key=site.mails.key(email, "new password"),
    )  # fmt: skip
    count, found, bounded = json.loads(site.python(text))
    assert count > 30
    assert "GET" not in {method for method, _ in found}
    assert {path for _, path in found} == set(bounded)


# Members with an account each, since an account has a limit of five attempts.
INSERT_MEMBERS = """
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from api.accounts.models import User
password = make_password({password!r})
for number in range({count}):
    user = User.objects.create(email=f"crowd{{number}}@example.org", password=password)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
"""


class HashBarrier:
    """Blocks hashes (tests/api/blocking_gunicorn.py) until it is opened."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.connections: list[socket.socket] = []
        self._open = False

    def __enter__(self) -> HashBarrier:
        self._thread = Thread(target=self._accept)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.open()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def open(self) -> None:
        """Release all current and future hashes."""
        self._open = True
        for one in self.connections:
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed at the end of the block
            while True:
                self.connections.append(self._socket.accept()[0])
                if self._open:
                    self.connections[-1].close()


@contextmanager
def run_blocking_gunicorn(site: Site, folder: Path, barrier: HashBarrier) -> Iterator[Gunicorn]:
    """Run another process of *site*, whose hashes wait at *barrier*."""
    more = {"TEST_HASHES": str(barrier.port)}
    one = Gunicorn(folder, free_port(), {**site.environment, **more}, config="tests.api.blocking_gunicorn")
    one.start()
    try:
        one.wait()
        yield one
    finally:
        barrier.open()
        one.stop()


def test_the_gate_responds_while_the_hash_queue_is_full(site: Site, tmp_path: Path) -> None:
    """Further logins are refused immediately, for every address, and threads stay free for the gate."""
    places = MAX_CONCURRENT + MAX_QUEUED
    assert gunicorn.threads - places >= 3  # for the gate, sessions and the cluster
    site.python(INSERT_MEMBERS.format(count=places, password=PASSWORD))
    member, anonymous = site.member("calm@example.org"), site.browser()
    readers = [site.browser() for _ in range(places)]
    for one in [*readers, anonymous]:
        one.send("GET", f"{API}/config")  # the CSRF cookie, so that a login is one request
    with (
        HashBarrier() as barrier,
        run_blocking_gunicorn(site, tmp_path, barrier) as process,
        ThreadPoolExecutor(places) as pool,
    ):

        def begun() -> int:
            """Return the number of requests to the process, without health checks."""
            text = anonymous.send("GET", "/metrics", port=process.port).body.decode()
            (found,) = re.findall(r"^django_http_requests_before_middlewares_total (\S+)", text, re.M)
            return int(float(found))

        def login(number: int) -> Response:
            body = {"email": f"crowd{number}@example.org", "password": PASSWORD}
            place = {"X-Real-IP": f"198.51.100.{number + 1}"}
            return readers[number].send("POST", f"{API}/auth/login", body, place, port=process.port)

        def late(who: Browser, path: str, body: dict[str, str]) -> Response:
            return who.send("POST", f"{API}/{path}", body, {"X-Real-IP": "198.51.100.99"}, port=process.port)

        try:
            responses = [pool.submit(login, number) for number in range(places)]
            wait_until(lambda: begun() == places and len(barrier.connections) == MAX_CONCURRENT)
            known = late(anonymous, "auth/login", {"email": "calm@example.org", "password": PASSWORD})
            refused = [
                known,
                late(anonymous, "auth/login", {"email": "unknown@example.org", "password": "a guess"}),
                late(anonymous, "auth/password/reset", {"key": "x-y", "password": "a long new one"}),
                late(member, "auth/reauthenticate", {"password": PASSWORD}),
                late(member, "account/password/change", {"current_password": "x", "new_password": "y"}),
            ]
            assert {(one.status, one.body) for one in refused} == {(503, known.body)}
            assert known.json["errors"][0]["code"] == "login_busy"
            assert known.headers["retry-after"] == "5"
            for _ in range(20):
                assert member.send("GET", "/_gate", port=process.port).status == 204
                assert anonymous.send("GET", "/_gate", port=process.port).status == 401
                assert anonymous.send("GET", "/livez", port=process.port).status == 200
            assert late(anonymous, "auth/password/request", {"email": "calm@example.org"}).status == 200
            assert not any(one.done() for one in responses)
            assert len(barrier.connections) == MAX_CONCURRENT
        finally:
            barrier.open()
        assert [one.result().status for one in responses] == [200] * places
        assert len(barrier.connections) == places
        # Refused requests do not count as failed logins.
        entered = late(anonymous, "auth/login", {"email": "calm@example.org", "password": PASSWORD})
        assert entered.status == 200
