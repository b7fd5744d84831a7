"""Mails: their links, errors of the mail server, and delivery before a process ends."""

from __future__ import annotations

import re
from pathlib import Path

from tests.api.live_site import API, Site
from tests.api.processes import run_gunicorns
from tests.support.previews import free_port


def test_mails_link_to_the_configured_host(site: Site) -> None:
    """And not to the host of X-Forwarded-Host or Forwarded."""
    site.member("mailed@example.org")
    one = site.browser()
    one.send("GET", f"{API}/config")
    for forged in ({"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"}):
        response = one.call("POST", "auth/password/request", {"email": "mailed@example.org"}, headers=forged)
        assert response.status == 200
    mail = site.mails.to("mailed@example.org", "new password")
    assert mail["From"] == "login@small.example"
    links = re.findall(r"https?://[^\s/]+", mail.get_content())
    assert set(links) == {site.url}


def test_an_unreachable_mail_server_is_reported_without_a_traceback(site: Site) -> None:
    unreachable = {"LOGIN_MAIL_PORT": "1"}
    output = site.manage("invite", "away@example.org", code=1, more=unreachable)
    assert "the mail was not sent (ConnectionRefusedError" in output
    assert "Traceback" not in output
    assert "found the member" in site.invite("away@example.org")


def test_queued_mails_are_sent_before_a_process_ends(site: Site, tmp_path: Path) -> None:
    """Their requests were already answered with 200."""
    site.invite("waiting@example.org")
    port = free_port()
    with run_gunicorns(tmp_path, [port], site.environment) as (process,):
        one = site.browser()
        one.send("GET", f"{API}/config")
        count, site.mails.delay = len(site.mails.all), 1.5
        try:
            body = {"email": "waiting@example.org"}
            response = one.call(
                "POST", "auth/password/request", body, port=port, headers={"X-Real-IP": one.address}
            )
            assert response.status == 200
            assert process.stop() == 0
            assert [mail["To"] for mail in site.mails.all[count:]] == ["waiting@example.org"]
        finally:
            site.mails.delay = 0.0
