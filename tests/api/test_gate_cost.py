"""What a question at the gate costs does not grow with the members and their sessions."""

from __future__ import annotations

import json
import re
import secrets

import pytest

from tests.api.running import Site

# Many rows, as a site has after years, in a transaction that is undone; the plans are those that the
# database makes with them. The last one is of a query that has no index, to show what that looks like.
PLANS = """
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
        with CaptureQueriesContext(connection) as asked:
            client.get(path)
        (query,) = asked.captured_queries
        found[path] = plan(query["sql"])
    with CaptureQueriesContext(connection) as asked:
        list(Session.objects.filter(session_data="x"))
    found["no index"] = plan(asked.captured_queries[0]["sql"])
    transaction.set_rollback(True)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def plans(site: Site) -> dict[str, str]:
    """How the database finds the rows of each question, in its own words."""
    one = site.member(f"plan{secrets.token_hex(3)}@example.org")
    text = PLANS.format(host=site.host, session=one.jar[site.session], mark=secrets.token_hex(4))
    found: dict[str, str] = json.loads(site.python(text))
    return found


def read_whole(plan: str) -> set[str]:
    """Return the tables that *plan* reads from the first row to the last: of SQLite, and of PostgreSQL."""
    return set(re.findall(r"(?:\bSCAN|Seq Scan on) (\w+)", plan))


@pytest.mark.parametrize("path", ["/_gate", "/_gate/staff"])
def test_the_gate_finds_its_rows_by_indexes(plans: dict[str, str], path: str) -> None:
    """It is asked for every file of the members' pages, of every reader."""
    assert read_whole(plans[path]) == set(), plans[path]
    assert re.search(r"SEARCH accounts_session USING|Index Scan using \w+ on accounts_session", plans[path])


def test_a_question_without_an_index_would_be_seen(plans: dict[str, str]) -> None:
    assert read_whole(plans["no index"]) == {"accounts_session"}
