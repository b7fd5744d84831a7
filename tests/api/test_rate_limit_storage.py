"""The cache backend of rate limits under a flood of requests."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from threading import Thread

import pytest

from tests.api.live_site import API, Browser, Response, Site
from tests.api.second_factors import begin_login, fresh_totp_code, member_with_totp, reauthenticate
from tests.support.previews import wait_until

pytestmark = pytest.mark.slow

REQUESTS = 25_000  # more than the 20,000 rows of an earlier limit
RATE_LIMIT_SECONDS = 300  # the longest of ACCOUNT_RATE_LIMITS

# The rows of a flood of reset keys. They sort last, so that Django's culling would delete the others.
INSERT_ROWS = """
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
CLEAR_CACHE = "from django.core.cache import cache; cache.clear()"


def code_of(response: Response) -> str:
    """Return the code of the first error."""
    return str(response.json["errors"][0]["code"])


def test_a_flood_does_not_evict_rate_limits_or_used_codes(site: Site) -> None:
    """All of them are in one table, whose rows are deleted only after they have expired."""
    site.member("victim@example.org")
    _, secret = member_with_totp(site, "replayed@example.org")
    first, second = begin_login(site, "replayed@example.org"), begin_login(site, "replayed@example.org")
    guesses = [site.browser().login("victim@example.org", f"guess {number}") for number in range(6)]
    assert code_of(guesses[-1]) == "too_many_login_attempts"
    reset = {"email": "replayed@example.org"}
    statuses = [site.browser().call("POST", "auth/password/request", reset).status for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    code = fresh_totp_code(secret)
    assert first.call("POST", "auth/2fa/authenticate", {"code": code}).status == 200
    try:
        assert int(site.python(INSERT_ROWS.format(flood=REQUESTS))) >= REQUESTS
        replay = second.call("POST", "auth/2fa/authenticate", {"code": code})
        late = site.browser().login("victim@example.org")
        again = site.browser().call("POST", "auth/password/request", reset)
    finally:
        site.python(CLEAR_CACHE)
    assert (replay.status, code_of(replay)) == (400, "incorrect_code")
    assert (late.status, code_of(late)) == (400, "too_many_login_attempts")
    assert again.status == 429


def test_a_flood_from_25000_networks_does_not_block_members(site: Site) -> None:
    """Through NGINX: meanwhile members read pages and sessions, and log out."""
    reader, leaver, account = (site.member(f"{name}-flood@example.org") for name in ("reads", "leaves", "is"))
    reauthenticate(account)
    before = count_rows(site)
    begun = time.monotonic()
    found: Counter[int] = Counter()
    flood = Thread(target=lambda: found.update(asyncio.run(send_logins(site, reader))))
    flood.start()
    wait_until(lambda: site.web.active_connections > 50)
    responses: list[tuple[str, int]] = []
    while flood.is_alive():
        responses.append(("session", reader.call("GET", "auth/session").status))
        responses.append(("page", reader.send("GET", "/members/inside/").status))
        responses.append(("account", account.call("GET", "account/authenticators").status))
        time.sleep(0.05)
        if leaver.jar:
            responses.append(("logout", leaver.logout().status))
            leaver.jar.clear()
    flood.join()
    lasted = time.monotonic() - begun
    expected = {("session", 200), ("page", 200), ("account", 200), ("logout", 401)}
    assert set(responses) == expected, Counter(responses)
    assert len(responses) > 20
    assert found[429] > REQUESTS * 0.9
    assert found.total() == REQUESTS
    assert found.keys() <= {400, 429, 503}
    # 10 a second and a queue of 64 reach the API (login/http/limits.conf); each leaves three rows, and
    # briefly three locks.
    assert count_rows(site) - before <= 3 * (10 * lasted + 64) + 20


def count_rows(site: Site) -> int:
    """Return the number of rows of the cache table."""
    return int(site.python("from api.accounts.models import CacheEntry; print(CacheEntry.objects.count())"))


async def send_logins(site: Site, known: Browser) -> Counter[int]:
    """Send REQUESTS logins, each from another network for another address; count the statuses."""
    numbers = iter(range(REQUESTS))
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
            response = await reader.readuntil(b"\r\n\r\n")
            found[int(response[9:12])] += 1
            if b"Connection: close" in response:
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", site.web.port)
            elif length := _length(response):
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


# Django's own backend, which earlier releases use, on the same table.
SHARED_TABLE = """
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


def test_processes_of_the_previous_release_share_the_counters(site: Site) -> None:
    """During a rollout, every process counts a guess; the table needs no migration."""
    assert site.python(SHARED_TABLE).split("\n") == ["[1.5] [2.5]", "False False", "None None", ""]


EXPIRY = """
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


def test_rows_are_deleted_only_after_they_expire(site: Site) -> None:
    assert site.python(EXPIRY).split("\n") == [
        "True False 1",
        "True False {'a': 1}",
        "None False True 3",
        "[':1:a', ':1:live']",
        "",
    ]


CONCURRENT_ADD = """
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


def test_one_of_many_concurrent_adds_succeeds(site: Site) -> None:
    """Locks of counters and used codes rely on an atomic add."""
    assert site.python(CONCURRENT_ADD) == "1\n"
