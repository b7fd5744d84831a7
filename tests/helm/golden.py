"""The golden manifests of the chart: ``python -m tests.helm.golden`` rewrites them."""

from __future__ import annotations

from pathlib import Path

from tests.helm.render import rendered

FOLDER = Path(__file__).parent / "golden"
GOLDEN = ("nodeport", "ingress", "public")

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for mode in GOLDEN:
        (FOLDER / f"{mode}.yaml").write_text(rendered(mode), "utf-8")
