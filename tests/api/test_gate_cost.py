"""The gate's query uses indexes, so that its cost does not grow with members and sessions."""

from __future__ import annotations

import json
import re
import secrets

import pytest

from tests.api.live_site import Site

# Query plans with many rows, inserted in a transaction that is rolled back. The last plan is of a query
# without an index, for comparison.
QUERY_PLANS = """
import json
from datetime import timedelta
from django.conf import settings
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.contrib.auth.models import Group
from api.accounts.models import MEMBERS_GROUP, Session, User

def plan(sql):
    words = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
    with connection.cursor() as cursor:
        cursor.execute(words + sql.replace("%", "%%"), ())
        return "\\n".join(str(row[-1]) for row in cursor.fetchall())

client = Client(headers={{"host": {host!r}}})
client.cookies[settings.SESSION_COOKIE_NAME] = {session!r}
found = {{}}
with transaction.atomic():
    later, members = timezone.now() + timedelta(1), Group.objects.get(name=MEMBERS_GROUP)
    Group.objects.bulk_create(Group(name=f"{mark}{{n}}") for n in range(3000))
    users = User.objects.bulk_create(User(email=f"row{{n}}.{mark}@example.org") for n in range(3000))
    User.groups.through.objects.bulk_create(User.groups.through(user=u, group=members) for u in users)
    Session.objects.bulk_create(
        Session(session_key=f"{mark}{{u.pk}}", session_data="", expire_date=later, user=u) for u in users
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    for path in ("/_gate", "/_gate/staff"):
        with CaptureQueriesContext(connection) as queries:
            client.get(path)
        (query,) = queries.captured_queries
        found[path] = plan(query["sql"])
    with CaptureQueriesContext(connection) as queries:
        list(Session.objects.filter(session_data="x"))
    found["no index"] = plan(queries.captured_queries[0]["sql"])
    transaction.set_rollback(True)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def plans(site: Site) -> dict[str, str]:
    """The query plan of each path."""
    one = site.member(f"plan{secrets.token_hex(3)}@example.org")
    text = QUERY_PLANS.format(host=site.host, session=one.jar[site.session], mark=secrets.token_hex(4))
    found: dict[str, str] = json.loads(site.python(text))
    return found


def scanned_tables(plan: str) -> set[str]:
    """Return the tables with a full scan in *plan* of SQLite or PostgreSQL."""
    return set(re.findall(r"(?:\bSCAN|Seq Scan on) (\w+)", plan))


@pytest.mark.parametrize("path", ["/_gate", "/_gate/staff"])
def test_the_gate_uses_indexes(plans: dict[str, str], path: str) -> None:
    """NGINX sends a subrequest for each file of the members' pages."""
    assert scanned_tables(plans[path]) == set(), plans[path]
    assert re.search(r"SEARCH accounts_session USING|Index Scan using \w+ on accounts_session", plans[path])


def test_a_query_without_an_index_is_detected(plans: dict[str, str]) -> None:
    assert scanned_tables(plans["no index"]) == {"accounts_session"}
