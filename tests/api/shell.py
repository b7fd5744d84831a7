"""One process with Django set up that runs what it is told: starting one takes longer than most tests.

with Shell(environment) as shell:
    shell.run("from api.accounts.models import User; print(User.objects.count())")
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import traceback
from collections.abc import Mapping
from types import TracebackType

from tests.support.previews import own_environment
from tests.support.project import ROOT


class Shell:
    """The process, which is started when it is first told something."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None

    def run(self, text: str) -> str:
        """Run *text* in a namespace of its own; return what it printed; fail with its traceback."""
        if self._process is None:
            # A connection that is kept would hold a database that a test stops.
            more = {**self._environment, "LOGIN_DATABASE_POOL": "0"}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.api.shell"],
                cwd=ROOT, env={**own_environment(), **more}, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(text) + "\n")
        self._process.stdin.flush()
        printed, fault = json.loads(self._process.stdout.readline())
        assert not fault, printed + fault
        return str(printed)

    def __enter__(self) -> Shell:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.communicate(timeout=60)  # the end of its input is its end


def _serve() -> None:
    import os

    os.environ["DJANGO_SETTINGS_MODULE"] = "api.config.settings"
    import django
    from django.db import connections

    django.setup()
    for line in sys.stdin:
        out, fault = io.StringIO(), ""
        with contextlib.redirect_stdout(out):
            try:
                exec(json.loads(line), {})
            except BaseException:
                fault = traceback.format_exc()
        connections.close_all()
        print(json.dumps([out.getvalue(), fault]), flush=True)


if __name__ == "__main__":
    _serve()
