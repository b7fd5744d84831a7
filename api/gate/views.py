"""The gate: may the owner of this cookie come in? 204 yes, 401 log in first, 403 no.

Reads one row. Writes nothing, whatever the session holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.models import Group
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from api.accounts.models import MEMBERS, Session, User
from api.accounts.sessions import is_session_key
from api.accounts.site import second_factor

_SESSION, _USER, _GROUP, _IN = (model._meta.db_table for model in (Session, User, Group, User.groups.through))
# Written out: Django needs ten times as long to write it as to run it, for every file that a member reads.
_ASK = f"""
SELECT {_SESSION}.session_data, {_USER}.id, {_USER}.password, {_USER}.is_staff, {_USER}.is_superuser,
    EXISTS (SELECT 1 FROM {_IN} JOIN {_GROUP} ON {_GROUP}.id = {_IN}.group_id
            WHERE {_IN}.user_id = {_USER}.id AND {_GROUP}.name = %s)
FROM {_SESSION} JOIN {_USER} ON {_USER}.id = {_SESSION}.user_id
WHERE {_SESSION}.session_key = %s AND {_SESSION}.expire_date > %s AND {_USER}.is_active
"""


@dataclass(frozen=True, slots=True)
class _Known:
    """Whose session it is."""

    user: User  # with what this module reads, and nothing else: never saved
    member: bool
    data: dict[str, Any]  # of the session


def members(request: HttpRequest) -> HttpResponse:
    """Let active members in, and the owner."""
    known = _known(request)
    if known is None:
        return HttpResponse(status=401)
    return HttpResponse(status=204 if known.member or known.user.is_superuser else 403)


def staff(request: HttpRequest) -> HttpResponse:
    """Let active staff in who have shown a second factor."""
    known = _known(request)
    if known is None:
        return HttpResponse(status=401)
    # allauth reads them of a request's session, and only if they are of this user.
    strong = second_factor(get_authentication_records(SimpleNamespace(session=known.data), known.user))
    return HttpResponse(status=204 if known.user.is_staff and strong else 403)


def _known(request: HttpRequest) -> _Known | None:
    """Return the active user of a session that is alive: by one query."""
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    if not is_session_key(key):
        return None
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(_ASK, [MEMBERS, key, now])
        row = cursor.fetchone()
    if row is None:
        return None
    kept, number, password, is_staff, is_superuser, member = row
    user = User(pk=number, password=password, is_staff=is_staff, is_superuser=is_superuser)
    data = Session(session_data=kept).get_decoded()
    return (
        _Known(user, bool(member), data) if _of_this_password(user, data.get(HASH_SESSION_KEY, "")) else None
    )


def _of_this_password(user: User, told: str) -> bool:
    """Return whether a session was begun with the password of now: a change ends all others."""
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(told, one) for one in hashes)
