"""What a pod spends on passwords has a limit, however many log in at once."""

from __future__ import annotations

from tests.api.running import Site

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
