"""Which of several versions a range takes, decided by the real helm: Flux uses the same library.

The forms of our versions stand on these rules (docs/decisions/0019).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.nexus import Nexus, nexus
from tests.support.delivery.helm import Helm

STABLE, CANDIDATES, PREVIEWS = ">=1.0.0 <2.0.0", ">=1.0.0-0", ">=0.0.0-0"


@pytest.fixture
def server() -> Iterator[Nexus]:
    with nexus() as fake:
        fake.lag, fake.anonymous = 0.0, True
        yield fake


@pytest.mark.quick_cases(5)
@pytest.mark.parametrize(
    ("wanted", "versions", "taken"),
    [
        # Production: stable versions alone, however new a candidate is.
        (STABLE,     ["1.0.9", "1.0.10", "1.0.11-rc"],                        "1.0.10"),
        (STABLE,     ["1.0.11-rc"],                                           ""),
        (STABLE,     ["1.0.9", "2.0.10"],                                     "1.0.9"),
        (STABLE,     ["0.9.9", "0.0.0-mr.9.31", "0.0.0-branch.12.gabcdef01"], ""),
        # Numbers are compared as numbers, and a higher X.Y wins over any N.
        (STABLE,     ["1.0.99", "1.0.100"],                                   "1.0.100"),
        (STABLE,     ["1.0.400", "1.1.12"],                                   "1.1.12"),
        # Staging: what is newest, candidate or stable.
        (CANDIDATES, ["1.0.9", "1.0.10-rc"],                                  "1.0.10-rc"),
        (CANDIDATES, ["1.0.10-rc", "1.0.10"],                                 "1.0.10"),
        (CANDIDATES, ["1.0.10-rc", "1.0.10", "1.0.11-rc"],                    "1.0.11-rc"),
        (CANDIDATES, ["1.0.9-rc", "1.0.10-rc"],                               "1.0.10-rc"),
        # Merge requests: the later pipeline of the higher request; never in the way of a release.
        (PREVIEWS,   ["0.0.0-mr.9.31", "0.0.0-mr.10.4"],                      "0.0.0-mr.10.4"),
        (PREVIEWS,   ["0.0.0-mr.9.9", "0.0.0-mr.9.31"],                       "0.0.0-mr.9.31"),
        (CANDIDATES, ["0.0.0-mr.9.31", "0.0.0-branch.12.gabcdef01"],          ""),
        # A fork that begins with 0.1 has the same order.
        (">=0.1.0-0 <1.0.0-0", ["0.0.0-mr.9.31", "0.1.7", "0.1.8-rc"],        "0.1.8-rc"),
    ],
)  # fmt: skip
def test_a_range_takes(server: Nexus, tmp_path: Path, wanted: str, versions: list[str], taken: str) -> None:
    """The newest by number, in any order of publication; "" stands for none."""
    helm = Helm(tmp_path / "helm")
    for version in reversed(versions):
        data = helm.packed(tmp_path, version)
        server.repositories["charts"].files[f"site-{version}.tgz"] = data
        server.repositories["charts"].created[f"site-{version}.tgz"] = 0.0
    server.changed(server.repositories["charts"])
    assert helm.run("repo", "add", "charts", server.repository())[0] == 0
    status, output = helm.pull("charts/site", wanted, tmp_path / "got")
    found = [re.sub(r"^site-|\.tgz$", "", file.name) for file in (tmp_path / "got").iterdir()]
    assert found == ([taken] if taken else []), output
    assert (status == 0) is bool(taken)
