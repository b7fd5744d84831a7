"""Write benchmarks/RESULTS.md, with one section for each benchmark.

Reads and writes benchmarks/RESULTS.md. No network.
"""

from __future__ import annotations

import os
import platform
import re
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "RESULTS.md"


def write_section(title: str, module: str, text: str, command: str = "") -> None:
    """Replace the section *title* with *text*, or append it.

    *module* is the benchmark of this process; *command* replaces its command line.
    """
    # A path is of one machine: the name of its file says which corpus it was.
    words = (Path(word).name if "/" in word else word for word in sys.argv[1:])
    command = command or shlex.join(("python", "-m", module, *words))
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    section = f"# {title}\n\nWritten by `{command}` on {today}: {_machine()}.\n\n{text.strip()}\n"
    old = RESULTS.read_text("utf-8") if RESULTS.exists() else ""
    # A section starts with a "# " heading; headings inside a section start with "##".
    sections = {part.partition("\n")[0]: part for part in re.split(r"(?m)^(?=# )", old) if part.strip()}
    sections[f"# {title}"] = section
    RESULTS.write_text("\n".join(part.strip() + "\n" for part in sections.values()), "utf-8")


def _machine() -> str:
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0))
    system = f"{platform.system()} {platform.release()}"
    return f"{cores} cores of {model}, {system}, Python {platform.python_version()}"
