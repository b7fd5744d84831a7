"""Logging in and out, and access through the gate."""

from __future__ import annotations

from tests.api.live_site import Site
from tests.web.conftest import CANARY

PAGE = "/members/inside/"


def test_a_member_sets_a_password_by_mail_logs_in_reads_and_logs_out(site: Site) -> None:
    """The whole way of a new member."""
    email = "way@example.org"
    assert "created the member way@example.org" in site.invite(email, name="Way")
    reader = site.browser()
    refused = reader.send("GET", PAGE)
    assert (refused.status, CANARY.encode() in refused.body) == (401, False)
    assert reader.login(email).status == 400  # there is no password yet
    taken = reader.set_password(email)
    assert (taken.status, taken.json["meta"]["is_authenticated"]) == (401, False)  # a reset does not log in
    assert reader.send("GET", PAGE).status == 401
    entered = reader.login(email)
    assert (entered.status, entered.json["data"]["user"]["display"]) == (200, "Way")
    opened = reader.send("GET", PAGE)
    assert (opened.status, CANARY.encode() in opened.body) == (200, True)
    anonymous = site.browser()
    assert anonymous.send("GET", PAGE).status == 401
    assert reader.logout().status == 401
    assert reader.send("GET", PAGE).status == 401
