"""Sessions: whose they are, what ends them, and the cookies that carry them."""

from __future__ import annotations

import re
from pathlib import Path

from tests.api.factors import entered, with_app
from tests.api.running import PASSWORD, Browser, Site, running
from tests.web.conftest import CANARY

PAGE = "/members/inside/"


def test_a_session_is_new_after_the_login(site: Site) -> None:
    """Fixation: whoever planted a session knows another one than the member then has."""
    site.invite("fixed@example.org")
    one = site.browser()
    one.set_password("fixed@example.org")
    one.jar[site.session] = "planted0planted0planted0planted0"
    assert one.login("fixed@example.org").status == 200
    assert one.jar[site.session] != "planted0planted0planted0planted0"
    thief = site.browser()
    thief.jar[site.session] = "planted0planted0planted0planted0"
    assert thief.send("GET", PAGE).status == 401


def test_a_session_that_somebody_began_for_another_is_worth_nothing(site: Site) -> None:
    """Fixation with a session that is there: half a login of the thief's own."""
    with_app(site, "thief@example.org")
    thief = entered(site, "thief@example.org")
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
    again = site.browser().call("POST", "auth/password/reset", body)  # the key is used up
    assert again.status == 400


def test_a_member_who_is_switched_off_is_out_at_once(site: Site) -> None:
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


def test_a_session_is_good_at_every_process_and_ends_at_all(site: Site) -> None:
    """By each way to end one; the thief has its cookie in a browser of his own."""

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


def test_cookies_are_of_this_host_over_tls_alone(project: object, site: Site) -> None:
    """Names with __Host- are believed by browsers only with Secure, with Path=/ and without Domain."""
    settings = {"LOGIN_SITE_URL": "https://small.example"}
    told = site.manage(
        "shell", "--no-imports", "-c",
        "from django.conf import settings as s; print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, "
        "s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_DOMAIN, s.SESSION_COOKIE_PATH)",
        more=settings,
    )  # fmt: skip
    assert told.split() == ["__Host-sessionid", "__Host-csrftoken", "True", "True", "None", "/"]
    one = site.member("cookies@example.org")
    session, csrf = one.flags[site.session], one.flags[site.csrf]
    assert re.search("HttpOnly", session)
    assert "SameSite=Lax" in session
    assert "Max-Age=43200" in session  # 12 hours, as the privacy page says
    assert "SameSite=Lax" in csrf
    assert sorted(one.jar) == ["csrftoken", "sessionid"]


def test_cookies_over_tls_are_of_this_host_alone(project: Path, tmp_path: Path) -> None:
    """Names with __Host- are believed by browsers only with Secure, with Path=/ and without Domain."""
    with running(tmp_path, project, f"sqlite:///{tmp_path}/login.sqlite3", tls=True) as site:
        one = site.member("cookies@example.org")
        assert one.send("GET", PAGE).status == 200

    def attributes(name: str) -> set[str]:
        return {part for part in one.flags[name].split("; ")[1:] if not part.startswith("expires")}

    assert attributes("__Host-sessionid") == {"HttpOnly", "Max-Age=43200", "Path=/", "SameSite=Lax", "Secure"}
    assert attributes("__Host-csrftoken") == {"Path=/", "SameSite=Lax", "Secure"}
    assert sorted(one.flags) == ["__Host-csrftoken", "__Host-sessionid"]


def test_readers_who_do_not_log_in_get_no_cookie(site: Site) -> None:
    one = site.browser()
    for path in ("/", "/posts/one/", "/account/login/", PAGE, "/admin/", "/feed.atom"):
        assert "set-cookie" not in one.send("GET", path).headers, path
