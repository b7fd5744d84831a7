"""The gate: may the owner of this cookie come in? 204 yes, 401 log in first, 403 no.

Reads one row. Writes nothing, whatever the session holds.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from api.accounts.models import MEMBERS, Session, User
from api.accounts.site import second_factor


def members(request: HttpRequest) -> HttpResponse:
    """Let active members in, and the owner."""
    found = _session(request)
    if found is None:
        return HttpResponse(status=401)
    user, _ = found
    return HttpResponse(status=204 if user.is_member or user.is_superuser else 403)  # type: ignore[attr-defined]


def staff(request: HttpRequest) -> HttpResponse:
    """Let active staff in who have shown a second factor."""
    found = _session(request)
    if found is None:
        return HttpResponse(status=401)
    user, data = found
    # allauth reads them of a request's session, and only if they are of this user.
    strong = second_factor(get_authentication_records(SimpleNamespace(session=data), user))
    return HttpResponse(status=204 if user.is_staff and strong else 403)


def _session(request: HttpRequest) -> tuple[User, dict[str, Any]] | None:
    """Return the active user of a session that is alive, with the session's data: by one query."""
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    if not key.isalnum() or not key.isascii() or len(key) > 40:
        return None
    groups = User.groups.through.objects.filter(user_id=OuterRef("user_id"), group__name=MEMBERS)
    row = (
        Session.objects.select_related("user")
        .annotate(is_member=Exists(groups))
        .filter(session_key=key, expire_date__gt=timezone.now(), user__is_active=True)
        .first()
    )
    if row is None or row.user is None:
        return None
    data = row.get_decoded()
    row.user.is_member = row.is_member  # type: ignore[attr-defined]
    return (row.user, data) if _of_this_password(row.user, data.get(HASH_SESSION_KEY, "")) else None


def _of_this_password(user: User, told: str) -> bool:
    """Return whether a session was begun with the password of now: a change ends all others."""
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return any(constant_time_compare(told, one) for one in hashes)
