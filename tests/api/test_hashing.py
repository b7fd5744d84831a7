"""What a pod spends on passwords has a limit, however many log in at once."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

from api.accounts.hashers import AT_ONCE
from api.config import gunicorn
from tests.api.processes import Gunicorn
from tests.api.running import API, PASSWORD, Answer, Site
from tests.preview import free_port, until

# Eight threads at each of the two ways to a hash; the hash itself is replaced by one that counts who is in.
CROWD = """
import time
from threading import Lock, Thread
from unittest import mock
from django.contrib.auth.hashers import Argon2PasswordHasher as Django
from api.accounts.hashers import Argon2

inside, most, lock = 0, 0, Lock()

def slow(self, *words):
    global inside, most
    with lock:
        inside += 1
        most = max(most, inside)
    time.sleep(0.05)
    with lock:
        inside -= 1

with mock.patch.object(Django, "encode", slow), mock.patch.object(Django, "verify", slow):
    threads = [Thread(target=Argon2().encode, args=("p", "s")) for _ in range(8)]
    threads += [Thread(target=Argon2().verify, args=("p", "e")) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
print(most)
"""


def test_two_passwords_are_hashed_at_once(site: Site) -> None:
    """Each holds 20 MB: the threads of a process would otherwise take it over the memory of its pod."""
    assert site.python(CROWD) == "2\n"


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


def test_the_gate_answers_while_more_logins_wait_than_may_hash(site: Site, tmp_path: Path) -> None:
    """With all threads but one in a login, two of which hash: members read on, and no pod is restarted."""
    logins = gunicorn.threads - 1
    assert logins > AT_ONCE
    site.python(MANY.format(count=logins, password=PASSWORD))
    member, stranger = site.member("calm@example.org"), site.browser()
    readers = [site.browser() for _ in range(logins)]
    for one in readers:
        one.send("GET", f"{API}/config")  # the CSRF cookie, by which a login is one request
    with Door() as door, held(site, tmp_path, door) as process, ThreadPoolExecutor(logins) as pool:

        def begun() -> int:
            """Return how many requests, without those of the cluster, have come to the process."""
            text = stranger.send("GET", "/metrics", port=process.port).body.decode()
            (found,) = re.findall(r"^django_http_requests_before_middlewares_total (\S+)", text, re.M)
            return int(float(found))

        def login(number: int) -> Answer:
            body = {"email": f"crowd{number}@example.org", "password": PASSWORD}
            place = {"X-Real-IP": f"198.51.100.{number + 1}"}
            return readers[number].send("POST", f"{API}/auth/login", body, place, port=process.port)

        try:
            answers = [pool.submit(login, number) for number in range(logins)]
            until(lambda: begun() == logins and len(door.came) == AT_ONCE)
            for _ in range(20):
                assert member.send("GET", "/_gate", port=process.port).status == 204
                assert stranger.send("GET", "/_gate", port=process.port).status == 401
                assert stranger.send("GET", "/livez", port=process.port).status == 200
            assert not any(one.done() for one in answers)
            assert len(door.came) == AT_ONCE
        finally:
            door.open()
        assert [one.result().status for one in answers] == [200] * logins
        assert len(door.came) == logins
