"""Find the Debian mirror of this machine, for the bases.

Reads apt's configuration (sources.list(5), apt.conf(5)). Starts apt-config. No
writes, no network.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pipelines.core.errors import PipelineError, ToolError
from pipelines.tools import shell

VARIABLE = "SITE_DEBIAN_MIRROR"
APT = Path("/etc/apt")
# Codenames and classes of Debian's releases: excludes the mirrors of other distributions.
_SUITE = re.compile(
    r"(?:bookworm|trixie|forky|duke|sid|(?:old)*stable|testing|unstable)(?P<kind>|-updates|[-/]security|/updates)/?"
)
_LINE = re.compile(r"deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)")
_PROXY = re.compile(r'^Acquire::(https?)::Proxy "([^"]+)";$', re.M)


@dataclass(frozen=True, slots=True)
class Mirror:
    """A mirror of Debian's packages."""

    main: str  # "http://deb.debian.org/debian"
    security: str  # of the security updates: "http://deb.debian.org/debian-security"


def find_mirror(setting: str, apt: Path = APT) -> Mirror:
    """Return the mirror of *setting* ("MAIN" or "MAIN SECURITY"), else that of the configuration *apt*.

    SECURITY defaults to MAIN with the suffix "-security", as mirrors of Debian are
    laid out. Raises PipelineError for an invalid setting, or where none is found.
    """
    urls = setting.split()
    if urls:
        if len(urls) > 2 or not all(_is_mirror_url(url) for url in urls):
            raise PipelineError(f"{VARIABLE}: is not a mirror; write http://HOST/debian, or two such URLs")
        return _mirror(urls[0], urls[1] if len(urls) == 2 else "")
    main = security = ""
    for address, suite in _entries(apt):
        kind = _SUITE.fullmatch(suite)
        if kind is None or not _is_mirror_url(address):
            continue
        if "security" in suite or kind["kind"] == "/updates":
            security = security or address
        elif not kind["kind"]:
            main = main or address
    if not main:
        raise PipelineError(
            f"{apt}: has no Debian mirror with http or https; set {VARIABLE}, as http://HOST/debian"
        )
    return _mirror(main, security)


def apt_proxies() -> dict[str, str]:
    """Return apt's proxies as environment variables for other programs."""
    if not shell.find_program("apt-config"):
        return {}
    try:
        output = shell.run_program(["apt-config", "dump"], timeout=20).decode("utf-8", "replace")
    except ToolError:
        return {}
    found = {scheme: url for scheme, url in _PROXY.findall(output) if url != "DIRECT"}
    return {f"{scheme}_proxy": url for scheme, url in found.items()}


def apt_sources(mirror: Mirror) -> str:
    """Return apt sources (deb822) for trixie, its updates and its security updates."""
    keys = "Components: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    return (
        f"Types: deb\nURIs: {mirror.main}\nSuites: trixie trixie-updates\n{keys}\n"
        f"Types: deb\nURIs: {mirror.security}\nSuites: trixie-security\n{keys}"
    )


def _mirror(main: str, security: str) -> Mirror:
    main = main.rstrip("/")
    return Mirror(main, security.rstrip("/") or f"{main}-security")


def _is_mirror_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"[\s\[\]]", text):
            return False
        return parts.username is None  # `ps` would show a password among debootstrap's arguments
    except ValueError:
        return False


def _entries(apt: Path) -> Iterator[tuple[str, str]]:
    """Yield URL and suite of every enabled package source, in apt's order."""
    lists = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    for file in lists:
        try:
            text = file.read_text("utf-8", "replace")
        except OSError:
            continue
        if file.suffix == ".list":
            yield from _one_line_entries(text)
        elif file.suffix == ".sources":
            yield from _deb822_entries(text)


def _one_line_entries(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if row := _LINE.fullmatch(line.partition("#")[0].strip()):
            yield row[1], row[2]


def _deb822_entries(text: str) -> Iterator[tuple[str, str]]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for block in re.split(r"\n\s*\n", "\n".join(lines)):
        fields: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if line[:1].isspace():
                fields[name] = f"{fields.get(name, '')} {line.strip()}"
            else:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        if fields.get("enabled", "yes").lower() in ("no", "false", "0", "off", "without", "disable"):
            continue
        if "deb" in fields.get("types", "").split():
            for address in fields.get("uris", "").split():
                for suite in fields.get("suites", "").split():
                    yield address, suite
