"""Pin the image that CI jobs run in: write the digest of its tag into .gitlab-ci.yml.

A tag may name another image tomorrow; a digest does not. Prints the new value. Starts skopeo. Network: the
registry of that image.

    python .ci/image.py FILE
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

# Registry, path and tag; an image of one's own without a tag has nothing to be looked up by.
LINE = re.compile(
    r"^(?P<key>\s+SITE_CI_IMAGE:\s*)(?P<tag>[a-z0-9][a-z0-9.:/_-]*:[A-Za-z0-9_][A-Za-z0-9_.-]*)"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?(?P<rest>\s*(?:#.*)?)$",
    re.MULTILINE,
)


def main(file: Path) -> int:
    """Look the digest up and write it."""
    text = file.read_text("utf-8")
    found = LINE.findall(text)
    if len(found) != 1:
        print(f"{file}: has no line SITE_CI_IMAGE: NAME:TAG, or several; write one", file=sys.stderr)
        return 1
    tag = found[0][1]
    try:
        done = subprocess.run(
            ["skopeo", "inspect", "--raw", f"docker://{tag}"], capture_output=True, timeout=120, check=False
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        print("skopeo: not installed, or no answer in time; run `.ci/tools skopeo`", file=sys.stderr)
        return 1
    if done.returncode or not done.stdout:
        print(f"{tag}: its digest cannot be looked up: {done.stderr.decode().strip()}", file=sys.stderr)
        return 1
    pinned = f"{tag}@sha256:{hashlib.sha256(done.stdout).hexdigest()}"
    file.write_text(LINE.sub(lambda row: f"{row['key']}{pinned}{row['rest']}", text), encoding="utf-8")
    print(pinned)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
