"""Other sites: what they send in a reader's name, and where they would lead him."""

from __future__ import annotations

import re

import pytest

from tests.api.factors import boss
from tests.api.running import API, PASSWORD, Site

PAGE = "/members/inside/"


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CSRFToken": ""},
        {"X-CSRFToken": "a" * 32},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "", "Referer": "https://evil.example/x", "X-Forwarded-Proto": "https"},
        {"Cookie": "csrftoken="},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "auth/login"), ("DELETE", "auth/session"), ("POST", "account/password/change")],
)
def test_a_request_of_another_site_is_refused(
    site: Site, method: str, path: str, headers: dict[str, str]
) -> None:
    one = site.browser()
    one.send("GET", f"{API}/config")
    answer = one.send(method, f"{API}/{path}", {"email": "a@example.org", "password": PASSWORD}, headers)
    assert answer.status == 403
    assert answer.headers["content-type"] == "application/json"


def test_another_site_does_nothing_in_the_name_of_who_is_logged_in(site: Site) -> None:
    """The browser sends the cookies along; the token, or the Origin, is what another site lacks."""
    one = site.member("lured@example.org")
    body = {"current_password": PASSWORD, "new_password": "another long walk"}
    for headers in ({"X-CSRFToken": ""}, {"Origin": "https://evil.example"}):
        for port in (None, *site.ports):
            more = {**headers, "X-Real-IP": one.address}
            assert one.send("DELETE", f"{API}/auth/session", headers=more, port=port).status == 403
            assert one.send("POST", f"{API}/account/password/change", body, more, port=port).status == 403
    assert one.send("GET", PAGE).status == 200
    assert site.browser().login("lured@example.org").status == 200


def test_a_form_of_another_site_adds_no_member(site: Site) -> None:
    """The owner's browser sends the session along, to the admin too."""
    one = boss(site, "lured-owner@example.org")
    raw = b"email=added@example.org&name=&is_active=on"
    kind = {"Content-Type": "application/x-www-form-urlencoded", "X-CSRFToken": ""}
    assert one.send("POST", "/admin/accounts/user/add/", headers=kind, raw=raw).status == 403
    token = f"&csrfmiddlewaretoken={one.jar[site.csrf]}".encode()
    evil = {**kind, "Origin": "https://evil.example"}
    assert one.send("POST", "/admin/accounts/user/add/", headers=evil, raw=raw + token).status == 403
    found = "User.objects.filter(email='added@example.org')"
    count = f"from api.accounts.models import User; print({found}.count())"
    assert site.python(count) == "0\n"
    added = one.send("POST", "/admin/accounts/user/add/", headers=kind, raw=raw + token)
    assert (added.status, site.python(count)) == (302, "1\n")  # it is the site's own form that does


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)"]
)
@pytest.mark.parametrize("name", ["next", "redirect_to", "callback_url"])
def test_nothing_leads_away(site: Site, target: str, name: str) -> None:
    one = site.browser()
    for path in (f"{API}/config", "/admin/login/", "/accounts/login/", "/account/login/", PAGE, "/posts/one"):
        answer = one.send("GET", f"{path}?{name}={target}")
        location = answer.headers.get("location", "/")
        assert re.match(r"/(?![/\\])", location), (path, location)


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)"]
)
def test_nothing_leads_the_owner_away(site: Site, target: str) -> None:
    """Django's admin takes addresses to return to; its forms may be sent with any."""
    one = boss(site, f"led-{target.encode().hex()}@example.org")
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in ("", "accounts/user", "password_change/", "jsi18n/", "logout/"):
        for method, raw in (("GET", None), ("POST", f"next={target}".encode())):
            answer = one.send(method, f"/admin/{path}?next={target}", headers=kind if raw else None, raw=raw)
            location = answer.headers.get("location", "/")
            assert re.match(r"/(?![/\\])", location), (method, path, location)
