"""Many strangers at once: they evict no counter of a member, and they shut out nobody who is logged in."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from threading import Thread

from tests.api.factors import confirm, entered, lasting, with_app
from tests.api.running import API, Answer, Browser, Site
from tests.support.previews import until

FLOOD = 25_000  # more than the 20,000 rows that the cache once kept
SECONDS_OF_A_COUNTER = 300  # the longest of ACCOUNT_RATE_LIMITS

# What so many strangers leave who try keys of mails: the rows that sort last, so that others would be culled.
ROWS = """
from datetime import timedelta
from django.core.cache import cache
from django.utils import timezone
from api.accounts.models import CacheEntry
cache.set("sample", [1.0], 60)
later, value = timezone.now() + timedelta(minutes=5), CacheEntry.objects.get(cache_key=":1:sample").value
CacheEntry.objects.bulk_create(
    [CacheEntry(cache_key=f":1:allauth:rl:allauth.account:reset_password_from_key:20/60/ip:{{n}}",
                value=value, expires=later) for n in range({flood})],
    batch_size=500,
)
for n in range(10):
    cache.set(f"allauth:rl:allauth.account:reset_password_from_key:20/60/ip:late{{n}}", [1.0], 60)
print(CacheEntry.objects.count())
"""
CLEAN = "from django.core.cache import cache; cache.clear()"


def code_of(answer: Answer) -> str:
    """Return the code of the first error."""
    return str(answer.json["errors"][0]["code"])


def test_a_flood_evicts_no_lockout_no_used_code_and_no_reset_limit(site: Site) -> None:
    """All limits are in one table. Its rows expire, and nothing else removes them."""
    site.member("victim@example.org")
    _, secret = with_app(site, "replayed@example.org")
    first, second = entered(site, "replayed@example.org"), entered(site, "replayed@example.org")
    guesses = [site.browser().login("victim@example.org", f"guess {number}") for number in range(6)]
    assert code_of(guesses[-1]) == "too_many_login_attempts"
    reset = {"email": "replayed@example.org"}
    asked = [site.browser().call("POST", "auth/password/request", reset).status for _ in range(6)]
    assert asked == [200] * 5 + [429]
    code = lasting(secret)
    assert first.call("POST", "auth/2fa/authenticate", {"code": code}).status == 200
    try:
        assert int(site.python(ROWS.format(flood=FLOOD))) >= FLOOD
        replay = second.call("POST", "auth/2fa/authenticate", {"code": code})
        late = site.browser().login("victim@example.org")
        again = site.browser().call("POST", "auth/password/request", reset)
    finally:
        site.python(CLEAN)
    assert (replay.status, code_of(replay)) == (400, "incorrect_code")
    assert (late.status, code_of(late)) == (400, "too_many_login_attempts")
    assert again.status == 429


def test_a_flood_from_25000_networks_leaves_members_alone(site: Site) -> None:
    """Through NGINX: sessions are read, pages are opened and sessions are ended while it lasts."""
    reader, leaver, account = (site.member(f"{name}-flood@example.org") for name in ("reads", "leaves", "is"))
    confirm(account)
    before = rows(site)
    begun = time.monotonic()
    found: Counter[int] = Counter()
    flood = Thread(target=lambda: found.update(asyncio.run(_flood(site, reader))))
    flood.start()
    until(lambda: site.web.active_connections > 50)
    answers: list[tuple[str, int]] = []
    while flood.is_alive():
        answers.append(("session", reader.call("GET", "auth/session").status))
        answers.append(("page", reader.send("GET", "/members/inside/").status))
        answers.append(("account", account.call("GET", "account/authenticators").status))
        time.sleep(0.05)
        if leaver.jar:
            answers.append(("logout", leaver.logout().status))
            leaver.jar.clear()
    flood.join()
    lasted = time.monotonic() - begun
    expected = {("session", 200), ("page", 200), ("account", 200), ("logout", 401)}
    assert set(answers) == expected, Counter(answers)
    assert len(answers) > 20
    assert found[429] > FLOOD * 0.9
    assert found.total() == FLOOD
    assert found.keys() <= {400, 429, 503}
    # 10 a second and a queue of 64 get to the API (login/http/limits.conf); each leaves three rows, and
    # three locks for an instant.
    assert rows(site) - before <= 3 * (10 * lasted + 64) + 20


def rows(site: Site) -> int:
    """Return how many rows the table of the limits has."""
    return int(site.python("from api.accounts.models import CacheEntry; print(CacheEntry.objects.count())"))


async def _flood(site: Site, known: Browser) -> Counter[int]:
    """Send FLOOD logins, each from another network for another address; count the statuses."""
    numbers = iter(range(FLOOD))
    token = known.jar[site.csrf]
    found: Counter[int] = Counter()

    async def sender() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.web.port)
        for number in numbers:
            body = json.dumps({"email": f"flood{number}@example.org", "password": "a guess of mine"})
            head = (
                f"POST {API}/auth/login HTTP/1.1\r\nHost: {site.host}\r\nOrigin: {site.url}\r\n"
                f"X-Forwarded-For: 10.{number // 250}.{number % 250}.7\r\nContent-Type: application/json\r\n"
                f"Cookie: {site.csrf}={token}\r\nX-CSRFToken: {token}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write((head + body).encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            found[int(answer[9:12])] += 1
            if b"Connection: close" in answer:
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", site.web.port)
            elif length := _length(answer):
                await reader.readexactly(length)
            else:
                await reader.readuntil(b"0\r\n\r\n")
        writer.close()

    await asyncio.gather(*(sender() for _ in range(150)))
    return found


def _length(head: bytes) -> int:
    """Return the Content-Length in *head*; 0 for none."""
    lines = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:] if b": " in line)
    return int(lines.get(b"content-length", b"0"))


# Django's own backend, as the release before has it, on the same table.
SHARED = """
from django.core.cache import cache
from django.core.cache.backends.db import DatabaseCache
before = DatabaseCache("accounts_cacheentry", {"OPTIONS": {"MAX_ENTRIES": 20000}})
before.set("written before", [1.5], 60)
cache.set("written now", [2.5], 60)
print(cache.get("written before"), before.get("written now"))
print(cache.add("written before", "x", 60), before.add("written now", "x", 60))
cache.delete("written before"); before.delete("written now")
print(before.get("written before"), cache.get("written now"))
"""


def test_processes_of_the_release_before_share_the_counters(site: Site) -> None:
    """During a rollout a guess counts, whichever process it comes to; nothing has to be migrated."""
    assert site.python(SHARED).split("\n") == ["[1.5] [2.5]", "False False", "None None", ""]


RULES = """
import time
from datetime import timedelta
from unittest import mock
from django.core.cache import cache
from django.utils import timezone
from api.accounts.cache import RateLimitCache
from api.accounts.models import CacheEntry
cache.clear()
print(cache.add("a", 1, 60), cache.add("a", 2, 60), cache.get("a"))
print(cache.touch("a", 60), cache.touch("nobody", 60), cache.get_many(["a", "nobody"]))
CacheEntry.objects.update(expires=timezone.now() - timedelta(seconds=1))
print(cache.get("a"), cache.touch("a", 60), cache.add("a", 3, 60), cache.get("a"))
for number in range(5):
    cache.set(f"old{number}", 1, 60)
CacheEntry.objects.filter(cache_key__contains="old").update(expires=timezone.now() - timedelta(seconds=1))
RateLimitCache._purge_at = 0.0
cache.set("live", 1, 60)
print(sorted(CacheEntry.objects.values_list("cache_key", flat=True)))
"""


def test_rows_live_until_they_expire_and_are_then_deleted(site: Site) -> None:
    assert site.python(RULES).split("\n") == [
        "True False 1",
        "True False {'a': 1}",
        "None False True 3",
        "[':1:a', ':1:live']",
        "",
    ]


ADDED = """
from concurrent.futures import ThreadPoolExecutor
from django.core.cache import cache
from django.db import connection
from threading import Barrier

barrier = Barrier(8)
def add(number):
    barrier.wait()
    try:
        return cache.add("once", number, 60)
    finally:
        connection.close()

with ThreadPoolExecutor(8) as pool:
    print(sum(pool.map(add, range(8))))
cache.delete("once")
"""


def test_of_many_who_add_at_once_one_succeeds(site: Site) -> None:
    """The locks of the counters and the marks of used codes are made by it."""
    assert site.python(ADDED) == "1\n"
