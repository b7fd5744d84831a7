"""Commits of each kind in the checkout of a cluster, and their way until they are live."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.cluster import api, front_door, processes, site
from tests.cluster.api import GROUPS, Api
from tests.cluster.layout import Layout


@dataclass(frozen=True)
class Change:
    """A commit that is not pushed yet."""

    kind: str
    commit: str
    value: str = ""  # of the release, which Flux takes from Git


def _token() -> str:
    return f"w{secrets.token_hex(4)}"


def text(there: Layout) -> Change:
    """Add a word to a page."""
    file = there.site / "content" / "pages" / "about.md"
    file.write_text(f"{file.read_text('utf-8').rstrip()}\n\n{_token()}\n", "utf-8")
    return Change("text", site.commit(there, "Write a word"))


def style(there: Layout) -> Change:
    """Change the stylesheet, so that it has another name."""
    file = there.site / "theme" / "less" / "base.less"
    file.write_text(f"{file.read_text('utf-8')}\n.{_token()} {{ color: #123456; }}\n", "utf-8")
    return Change("stylesheet", site.commit(there, "Change the stylesheet"))


def login_api(there: Layout) -> Change:
    """Change the code of the login API, so that its image is another one."""
    file = there.site / "api" / "config" / "urls.py"
    file.write_text(f"{file.read_text('utf-8')}\n# {_token()}\n", "utf-8")
    return Change("API", site.commit(there, "Change the login API"))


def chart(there: Layout) -> Change:
    """Change the templates of the chart, so that web pods are replaced."""
    file = there.site / "helm" / "site" / "templates" / "web" / "deployment.yaml"
    old = re.sub(r" +example\.org/round: \w+\n", "", file.read_text("utf-8"))
    anchor = "      annotations:\n"
    assert old.count(anchor) == 1, "helm/site: the web pods have no annotations"
    file.write_text(old.replace(anchor, f"{anchor}        example.org/round: {_token()}\n"), "utf-8")
    return Change("chart", site.commit(there, "Change the chart"))


def settings(there: Layout) -> Change:
    """Change a setting of the site's environment, which Flux takes from Git."""
    toml = there.site / "site.toml"
    sender = f"{_token()}@example.org"
    values = {"[[environment]]": {"mail_from": f'"{sender}"'}}
    toml.write_text(site.change_settings(toml.read_text("utf-8"), values), "utf-8")
    site.pipelines(there, "settings")
    return Change("settings", site.commit(there, "Change a setting"), sender)


KINDS: dict[str, Callable[[Layout], Change]] = {
    "text": text,
    "stylesheet": style,
    "API": login_api,
    "chart": chart,
    "settings": settings,
}


def roll_out(there: Layout, change: Change, timeout: float = 400) -> float:
    """Push and publish *change*; return the seconds until its version is deployed and tested everywhere."""
    begun = time.monotonic()
    site.push(there)
    version = site.publish(there)["version"].removesuffix("-rc")
    client = Api(there)

    def live() -> bool:
        release = client.get(GROUPS["helmrelease"])
        rolled_out = all(api.is_rolled_out(client.get(GROUPS[name])) for name in ("web", "api"))
        values = json.dumps(release.get("spec", {}).get("values"))
        seen = release.get("status", {}).get("observedGeneration") == release.get("metadata", {}).get(
            "generation"
        )
        return seen and change.value in values and api.deployed_version(release) == version and rolled_out

    try:
        processes.wait_until(live, timeout, f"{change.kind}: {version} is not live")
        seconds = time.monotonic() - begun
        seen = lambda: front_door.all_see("commit", change.commit)
        processes.wait_until(seen, 60, f"{change.kind}: readers see another commit than {change.commit}")
    finally:
        client.close()
    return seconds
