"""What a pod spends on passwords has a limit, however many log in at once."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from api.accounts.hash_queue import MAX_CONCURRENT, MAX_QUEUED
from api.config import gunicorn
from tests.api.processes import Gunicorn
from tests.api.running import API, PASSWORD, Answer, Browser, Site
from tests.support.previews import free_port, until

# Eight threads at each of the two ways to a hash; the hash itself is replaced by one that counts who is in.
CROWD = """
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


def test_two_passwords_are_hashed_at_once_and_three_wait(site: Site) -> None:
    """Each holds 20 MB and a processor; the threads that hash give way to all others."""
    assert site.python(CROWD) == "2 5 11 [10] 0\n"


# Every way to a hash that a request has: by Django's test client, as a member and as a stranger.
WAYS = """
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
where, jars = [""], {{"member": {session!r}, "stranger": ""}}
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
                    with transaction.atomic():  # undone: the session and the key are good for the next one
                        client.generic(method, path, json.dumps(body), content_type="application/json")
                        transaction.set_rollback(True)
cache.clear()
print(json.dumps([len(paths), sorted(set(found)), sorted(middleware.HASHING_PATHS)]))
"""


def test_every_request_that_hashes_waits_for_its_turn(site: Site) -> None:
    """Tried at every address of the API, with every method, as a member and as a stranger."""
    email = "ways@example.org"
    member = site.member(email)
    asked = site.browser().call("POST", "auth/password/request", {"email": email})
    assert asked.status == 200
    text = WAYS.format(
        host=site.host, session=member.jar[site.session], email=email, password=PASSWORD,
        key=site.mails.key(email, "new password"),
    )  # fmt: skip
    count, found, bounded = json.loads(site.python(text))
    assert count > 30
    assert "GET" not in {method for method, _ in found}
    assert {path for _, path in found} == set(bounded)


# Members, each with an account of his own: no more than five may try one at once.
MANY = """
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import make_password
from api.accounts.models import User
password = make_password({password!r})
for number in range({count}):
    user = User.objects.create(email=f"crowd{{number}}@example.org", password=password)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
"""


class Door:
    """Where hashes wait (tests/api/held.py) until it is opened."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.came: list[socket.socket] = []
        self._open = False

    def __enter__(self) -> Door:
        self._keeper = Thread(target=self._keep)
        self._keeper.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.open()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._keeper.join()
        self._socket.close()

    def open(self) -> None:
        """Let go who waits, and whoever comes."""
        self._open = True
        for one in self.came:
            one.close()

    def _keep(self) -> None:
        with suppress(OSError):  # the end of the block
            while True:
                self.came.append(self._socket.accept()[0])
                if self._open:
                    self.came[-1].close()


@contextmanager
def held(site: Site, folder: Path, door: Door) -> Iterator[Gunicorn]:
    """Run one more process of *site*, whose hashes wait at *door*."""
    more = {"TEST_HASHES": str(door.port)}
    one = Gunicorn(folder, free_port(), {**site.environment, **more}, config="tests.api.held")
    one.start()
    try:
        one.wait()
        yield one
    finally:
        door.open()
        one.stop()


def test_the_gate_answers_while_the_queue_of_logins_is_full(site: Site, tmp_path: Path) -> None:
    """Who comes later is refused at once, known or not, and the other threads are free for the gate."""
    places = MAX_CONCURRENT + MAX_QUEUED
    assert gunicorn.threads - places >= 3  # for the gate, sessions and the cluster
    site.python(MANY.format(count=places, password=PASSWORD))
    member, stranger = site.member("calm@example.org"), site.browser()
    readers = [site.browser() for _ in range(places)]
    for one in [*readers, stranger]:
        one.send("GET", f"{API}/config")  # the CSRF cookie, by which a login is one request
    with Door() as door, held(site, tmp_path, door) as process, ThreadPoolExecutor(places) as pool:

        def begun() -> int:
            """Return how many requests, without those of the cluster, have come to the process."""
            text = stranger.send("GET", "/metrics", port=process.port).body.decode()
            (found,) = re.findall(r"^django_http_requests_before_middlewares_total (\S+)", text, re.M)
            return int(float(found))

        def login(number: int) -> Answer:
            body = {"email": f"crowd{number}@example.org", "password": PASSWORD}
            place = {"X-Real-IP": f"198.51.100.{number + 1}"}
            return readers[number].send("POST", f"{API}/auth/login", body, place, port=process.port)

        def late(who: Browser, path: str, body: dict[str, str]) -> Answer:
            return who.send("POST", f"{API}/{path}", body, {"X-Real-IP": "198.51.100.99"}, port=process.port)

        try:
            answers = [pool.submit(login, number) for number in range(places)]
            until(lambda: begun() == places and len(door.came) == MAX_CONCURRENT)
            known = late(stranger, "auth/login", {"email": "calm@example.org", "password": PASSWORD})
            refused = [
                known,
                late(stranger, "auth/login", {"email": "unknown@example.org", "password": "a guess"}),
                late(stranger, "auth/password/reset", {"key": "x-y", "password": "a long new one"}),
                late(member, "auth/reauthenticate", {"password": PASSWORD}),
                late(member, "account/password/change", {"current_password": "x", "new_password": "y"}),
            ]
            assert {(one.status, one.body) for one in refused} == {(503, known.body)}
            assert known.json["errors"][0]["code"] == "login_busy"
            assert known.headers["retry-after"] == "5"
            for _ in range(20):
                assert member.send("GET", "/_gate", port=process.port).status == 204
                assert stranger.send("GET", "/_gate", port=process.port).status == 401
                assert stranger.send("GET", "/livez", port=process.port).status == 200
            assert late(stranger, "auth/password/request", {"email": "calm@example.org"}).status == 200
            assert not any(one.done() for one in answers)
            assert len(door.came) == MAX_CONCURRENT
        finally:
            door.open()
        assert [one.result().status for one in answers] == [200] * places
        assert len(door.came) == places
        # What was refused is no guess that counts.
        entered = late(stranger, "auth/login", {"email": "calm@example.org", "password": PASSWORD})
        assert entered.status == 200
