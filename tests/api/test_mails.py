"""Mails: what they say, and that whoever was promised one gets it."""

from __future__ import annotations

import re
from pathlib import Path

from tests.api.processes import gunicorns
from tests.api.running import API, Site
from tests.support.previews import free_port


def test_mails_hold_the_right_host_whatever_the_request_says(site: Site) -> None:
    site.member("mailed@example.org")
    one = site.browser()
    one.send("GET", f"{API}/config")
    for forged in ({"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"}):
        asked = one.call("POST", "auth/password/request", {"email": "mailed@example.org"}, headers=forged)
        assert asked.status == 200
    mail = site.mails.to("mailed@example.org", "new password")
    assert mail["From"] == "login@small.example"
    links = re.findall(r"https?://[^\s/]+", mail.get_content())
    assert set(links) == {site.url}


def test_a_mail_server_that_is_away_is_no_fault_of_who_asks(site: Site) -> None:
    away = {"LOGIN_MAIL_PORT": "1"}
    told = site.manage("invite", "away@example.org", code=1, more=away)
    assert "the mail was not sent (ConnectionRefusedError" in told
    assert "Traceback" not in told
    assert "found the member" in site.invite("away@example.org")


def test_a_mail_that_waits_is_sent_before_a_process_ends(site: Site, tmp_path: Path) -> None:
    """Whoever asked was told that it comes."""
    site.invite("waiting@example.org")
    port = free_port()
    with gunicorns(tmp_path, [port], site.environment) as (process,):
        one = site.browser()
        one.send("GET", f"{API}/config")
        count, site.mails.delay = len(site.mails.all), 1.5
        try:
            body = {"email": "waiting@example.org"}
            asked = one.call(
                "POST", "auth/password/request", body, port=port, headers={"X-Real-IP": one.address}
            )
            assert asked.status == 200
            assert process.stop() == 0
            assert [mail["To"] for mail in site.mails.all[count:]] == ["waiting@example.org"]
        finally:
            site.mails.delay = 0.0
