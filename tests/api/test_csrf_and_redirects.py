"""Cross-site requests, and open redirects."""

from __future__ import annotations

import re

import pytest

from tests.api.live_site import API, PASSWORD, Site
from tests.api.second_factors import login_owner

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
def test_cross_site_requests_are_refused(site: Site, method: str, path: str, headers: dict[str, str]) -> None:
    one = site.browser()
    one.send("GET", f"{API}/config")
    response = one.send(method, f"{API}/{path}", {"email": "a@example.org", "password": PASSWORD}, headers)
    assert response.status == 403
    assert response.headers["content-type"] == "application/json"


def test_cross_site_requests_of_a_logged_in_member_are_refused(site: Site) -> None:
    """The browser sends the cookies; another site lacks the token, or the Origin."""
    one = site.member("lured@example.org")
    body = {"current_password": PASSWORD, "new_password": "another long walk"}
    for headers in ({"X-CSRFToken": ""}, {"Origin": "https://evil.example"}):
        for port in (None, *site.ports):
            more = {**headers, "X-Real-IP": one.address}
            assert one.send("DELETE", f"{API}/auth/session", headers=more, port=port).status == 403
            assert one.send("POST", f"{API}/account/password/change", body, more, port=port).status == 403
    assert one.send("GET", PAGE).status == 200
    assert site.browser().login("lured@example.org").status == 200


def test_a_cross_site_form_adds_no_member(site: Site) -> None:
    """The owner's browser sends the session to the admin, too."""
    one = login_owner(site, "lured-owner@example.org")
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
    assert (added.status, site.python(count)) == (302, "1\n")  # the site's own form does


@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)"]
)
@pytest.mark.parametrize("name", ["next", "redirect_to", "callback_url"])
def test_no_parameter_redirects_to_another_host(site: Site, target: str, name: str) -> None:
    one = site.browser()
    for path in (f"{API}/config", "/admin/login/", "/accounts/login/", "/account/login/", PAGE, "/posts/one"):
        response = one.send("GET", f"{path}?{name}={target}")
        location = response.headers.get("location", "/")
        assert re.match(r"/(?![/\\])", location), (path, location)


@pytest.mark.quick_cases(1)
@pytest.mark.parametrize(
    "target", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)"]
)
def test_the_admin_does_not_redirect_to_another_host(site: Site, target: str) -> None:
    """Django's admin accepts `next` in queries and forms."""
    one = login_owner(site, f"led-{target.encode().hex()}@example.org")
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    for path in ("", "accounts/user", "password_change/", "jsi18n/", "logout/"):
        for method, raw in (("GET", None), ("POST", f"next={target}".encode())):
            response = one.send(
                method, f"/admin/{path}?next={target}", headers=kind if raw else None, raw=raw
            )
            location = response.headers.get("location", "/")
            assert re.match(r"/(?![/\\])", location), (method, path, location)
