"""Tests of what must not become public: members' pages and credentials."""

from __future__ import annotations

import base64
import json

import httpx
import pytest

from tests.support.delivery.published import (
    VERSION,
    digests,
    registry_get,
)
from tests.support.delivery.release import CANARY
from tests.support.delivery.storage import SECRET, SERVERS
from tests.support.delivery.targets import TOKEN, Publisher
from tests.support.registry import LOGIN

pytestmark = pytest.mark.parametrize("servers", SERVERS, indirect=True, scope="module")


def test_members_pages_are_not_public(publisher: Publisher) -> None:
    """They are in the image and in the archive, which both require a login."""
    publisher.run("publish")
    public = {**publisher.objects("assets"), **publisher.charts()}
    assert [name for name, data in public.items() if CANARY.encode() in data or "plan." in name] == []
    paths = [
        f"web/manifests/{VERSION}",
        *(f"web/blobs/{one}" for one in digests(publisher, "web")),
        "web/tags/list",
    ]
    assert [registry_get(publisher, path, login=False).status_code for path in paths] == [401] * len(paths)
    storage = publisher.services.storage
    if storage.name == "versitygw":  # moto requires no login
        for key in publisher.objects("archive"):
            response = httpx.get(f"http://{storage.host}/{publisher.name}-archive/{key}", trust_env=False)
            assert response.status_code == 403
    notifications = [body.body for body in publisher.services.flux.requests]
    record = (publisher.project / "out/publish.json").read_bytes()
    assert CANARY.encode() not in b"".join([*notifications, record])


def test_no_secret_is_printed_stored_or_sent(publisher: Publisher) -> None:
    """Credentials go to their own server alone."""
    publisher.services.front["nexus"].rules.clear()
    run = publisher.run("publish", "--json")
    files = [path.read_bytes() for path in (publisher.project / "out").rglob("*") if path.is_file()]
    stored = [*publisher.objects("archive").values(), *publisher.objects("assets").values()]
    flux = [one.body + json.dumps(one.headers).encode() for one in publisher.services.flux.requests]
    everything = b"\n".join([run.out.encode(), run.err.encode(), *files, *stored, *flux])
    writer = publisher.services.nexus.writer[1]
    for secret in (LOGIN[1], SECRET, TOKEN, writer, "/hook/abc"):
        plain = secret.encode()
        if secret != "/hook/abc":
            assert base64.b64encode(plain) not in everything
        assert plain not in b"\n".join([run.out.encode(), run.err.encode(), *files, *stored])
