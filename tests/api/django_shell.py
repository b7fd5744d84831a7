"""A process with Django set up that runs scripts: starting one for each test takes too long.

with DjangoShell(environment) as shell:
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

from tests.support.previews import clean_environment
from tests.support.project import ROOT


class DjangoShell:
    """The process; the first script starts it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._process: subprocess.Popen[str] | None = None

    def run(self, text: str) -> str:
        """Run *text* in its own namespace; return its output; fail with its traceback."""
        if self._process is None:
            # A pooled connection would block a test that stops the database.
            more = {**self._environment, "LOGIN_DATABASE_POOL": "0"}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.api.django_shell"],
                cwd=ROOT, env={**clean_environment(), **more}, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(text) + "\n")
        self._process.stdin.flush()
        printed, fault = json.loads(self._process.stdout.readline())
        assert not fault, printed + fault
        return str(printed)

    def __enter__(self) -> DjangoShell:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.communicate(timeout=60)  # EOF ends the process


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
