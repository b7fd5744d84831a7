"""Sessions: fixation, what ends them, and their cookies."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.api.live_site import PASSWORD, Browser, Site, run_site
from tests.api.second_factors import begin_login, member_with_totp
from tests.web.conftest import CANARY

PAGE = "/members/inside/"


def test_the_login_creates_a_new_session(site: Site) -> None:
    """Session fixation with an unknown key."""
    site.invite("fixed@example.org")
    one = site.browser()
    one.set_password("fixed@example.org")
    one.jar[site.session] = "planted0planted0planted0planted0"
    assert one.login("fixed@example.org").status == 200
    assert one.jar[site.session] != "planted0planted0planted0planted0"
    thief = site.browser()
    thief.jar[site.session] = "planted0planted0planted0planted0"
    assert thief.send("GET", PAGE).status == 401


def test_the_login_replaces_a_planted_session(site: Site) -> None:
    """Session fixation with a valid session: the thief's own pending login."""
    member_with_totp(site, "thief@example.org")
    thief = begin_login(site, "thief@example.org")
    site.member("planted@example.org")
    one = site.browser()
    one.jar[site.session] = thief.jar[site.session]
    assert one.login("planted@example.org").status == 200
    assert one.send("GET", PAGE).status == 200
    assert one.jar[site.session] != thief.jar[site.session]
    assert thief.send("GET", PAGE).status == 401
    for port in site.ports:
        assert thief.send("GET", "/_gate", port=port).status == 401


def test_a_stolen_session_ends_with_the_logout(site: Site) -> None:
    one = site.member("stolen@example.org")
    thief = site.browser()
    thief.jar |= one.jar
    assert thief.send("GET", PAGE).status == 200
    one.logout()
    assert thief.send("GET", PAGE).status == 401


def test_a_changed_password_ends_all_other_sessions(site: Site) -> None:
    one = site.member("changed@example.org")
    other = site.browser()
    other.login("changed@example.org")
    assert other.send("GET", PAGE).status == 200
    body = {"current_password": PASSWORD, "new_password": "another long walk"}
    assert one.call("POST", "account/password/change", body).status == 200
    assert one.send("GET", PAGE).status == 200
    assert other.send("GET", PAGE).status == 401
    assert "password" in site.mails.to("changed@example.org", "assword").get_content().lower()


def test_a_reset_password_ends_every_session(site: Site) -> None:
    one = site.member("reset@example.org")
    other = site.browser()
    assert other.call("POST", "auth/password/request", {"email": "reset@example.org"}).status == 200
    key = site.mails.key("reset@example.org", "new password")
    body = {"key": key, "password": "another long walk"}
    assert other.call("POST", "auth/password/reset", body).status == 401
    assert one.send("GET", PAGE).status == 401
    again = site.browser().call("POST", "auth/password/reset", body)  # the key is used
    assert again.status == 400


def test_a_deactivated_member_is_refused_immediately(site: Site) -> None:
    one = site.member("off@example.org")
    switch = "from api.accounts.models import User; User.objects.filter(email='off@example.org').update({})"
    site.python(switch.format("is_active=False"))
    assert one.send("GET", PAGE).status == 401
    assert site.browser().login("off@example.org").status in (400, 401)
    site.python(switch.format("is_active=True"))
    site.python(
        "from api.accounts.models import User; User.objects.get(email='off@example.org').groups.clear()"
    )
    refused = one.send("GET", PAGE)
    assert (refused.status, CANARY.encode() in refused.body) == (403, False)


def test_every_process_accepts_a_session_until_it_ends(site: Site) -> None:
    """For each way to end a session; a thief has copied the cookie."""

    def gates(one: Browser) -> list[int]:
        return [one.send("GET", "/_gate", port=port).status for port in site.ports]

    email = "roaming@example.org"
    one = site.member(email)
    thief = Browser(site, "198.51.100.7", one.jar)
    assert gates(one) == gates(thief) == [204] * 3
    one.logout()
    assert gates(thief) == [401] * 3
    one.login(email)
    thief.jar |= one.jar
    body = {"current_password": PASSWORD, "new_password": "another long walk"}
    assert one.call("POST", "account/password/change", body).status == 200
    other = site.browser()
    assert other.login(email, "another long walk").status == 200
    assert (gates(one), gates(other)) == ([204] * 3, [204] * 3)
    assert gates(thief) == [401] * 3
    switch = (
        f"from api.accounts.models import User; User.objects.filter(email={email!r}).update(is_active=False)"
    )
    site.python(switch)
    assert gates(one) == gates(other) == [401] * 3


def test_cookie_settings_with_and_without_tls(project: object, site: Site) -> None:
    """Browsers accept names with __Host- only with Secure and Path=/, and without Domain."""
    settings = {"LOGIN_SITE_URL": "https://small.example"}
    output = site.manage(
        "shell", "--no-imports", "-c",
        "from django.conf import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, "
        "s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_DOMAIN, s.SESSION_COOKIE_PATH)",
        more=settings,
    )  # fmt: skip
    assert output.split() == ["__Host-sessionid", "__Host-csrftoken", "True", "True", "None", "/"]
    one = site.member("cookies@example.org")
    session, csrf = one.flags[site.session], one.flags[site.csrf]
    assert re.search("HttpOnly", session)
    assert "SameSite=Lax" in session
    assert "Max-Age=43200" in session  # 12 hours, as the privacy page says
    assert "SameSite=Lax" in csrf
    assert sorted(one.jar) == ["csrftoken", "sessionid"]


@pytest.mark.slow
def test_cookies_over_tls_have_the_host_prefix(project: Path, tmp_path: Path) -> None:
    """Browsers accept names with __Host- only with Secure and Path=/, and without Domain."""
    with run_site(tmp_path, project, f"sqlite:///{tmp_path}/login.sqlite3", tls=True) as site:
        one = site.member("cookies@example.org")
        assert one.send("GET", PAGE).status == 200

    def attributes(name: str) -> set[str]:
        return {part for part in one.flags[name].split("; ")[1:] if not part.startswith("expires")}

    assert attributes("__Host-sessionid") == {"HttpOnly", "Max-Age=43200", "Path=/", "SameSite=Lax", "Secure"}
    assert attributes("__Host-csrftoken") == {"Path=/", "SameSite=Lax", "Secure"}
    assert sorted(one.flags) == ["__Host-csrftoken", "__Host-sessionid"]


def test_pages_set_no_cookie_without_a_login(site: Site) -> None:
    one = site.browser()
    for path in ("/", "/posts/one/", "/account/login/", PAGE, "/admin/", "/feed.atom"):
        assert "set-cookie" not in one.send("GET", path).headers, path
