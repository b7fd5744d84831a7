"""The gate, for NGINX's auth_request: 204 authorized, 401 not logged in, 403 forbidden.

Reads one row, and never writes the session.
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

from api.accounts.admin_site import has_second_factor
from api.accounts.models import MEMBERS_GROUP, Session, User
from api.accounts.sessions import is_session_key

_SESSION, _USER, _GROUP, _IN = (model._meta.db_table for model in (Session, User, Group, User.groups.through))
# Raw SQL: for each file of a member, Django's ORM takes ten times as long to build the query as to run it.
_QUERY = f"""
SELECT {_SESSION}.session_data, {_USER}.id, {_USER}.password, {_USER}.is_staff, {_USER}.is_superuser,
    EXISTS (SELECT 1 FROM {_IN} JOIN {_GROUP} ON {_GROUP}.id = {_IN}.group_id
            WHERE {_IN}.user_id = {_USER}.id AND {_GROUP}.name = %s)
FROM {_SESSION} JOIN {_USER} ON {_USER}.id = {_SESSION}.user_id
WHERE {_SESSION}.session_key = %s AND {_SESSION}.expire_date > %s AND {_USER}.is_active
"""


@dataclass(frozen=True, slots=True)
class _SessionUser:
    """A valid session and its user."""

    user: User  # holds only the columns of _QUERY: never save it
    member: bool
    data: dict[str, Any]  # decoded session data


def members(request: HttpRequest) -> HttpResponse:
    """Authorize active members and superusers."""
    session = _get_session_user(request)
    if session is None:
        return HttpResponse(status=401)
    return HttpResponse(status=204 if session.member or session.user.is_superuser else 403)


def staff(request: HttpRequest) -> HttpResponse:
    """Authorize active staff with a second factor."""
    session = _get_session_user(request)
    if session is None:
        return HttpResponse(status=401)
    # allauth reads the records of a request's session, and only if they belong to this user.
    records = get_authentication_records(SimpleNamespace(session=session.data), session.user)
    return HttpResponse(status=204 if session.user.is_staff and has_second_factor(records) else 403)


def _get_session_user(request: HttpRequest) -> _SessionUser | None:
    """Return the active user of an unexpired session, with one query."""
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    if not is_session_key(key):
        return None
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, [MEMBERS_GROUP, key, now])
        row = cursor.fetchone()
    if row is None:
        return None
    session_data, user_id, password, is_staff, is_superuser, member = row
    user = User(pk=user_id, password=password, is_staff=is_staff, is_superuser=is_superuser)
    data = Session(session_data=session_data).get_decoded()
    if not _session_hash_matches(user, data.get(HASH_SESSION_KEY, "")):
        return None
    return _SessionUser(user, bool(member), data)


def _session_hash_matches(user: User, session_hash: str) -> bool:
    """Return whether *session_hash* matches the current password: a new password ends all other sessions."""
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(session_hash, one) for one in hashes)
