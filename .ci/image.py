"""Pin the image of the CI jobs: write the digest of its tag into .gitlab-ci.yml.

A tag may name another image tomorrow; a digest does not. Prints the new value. Starts skopeo. Network: the
image's registry.

    python .ci/image.py FILE
"""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

# Registry, path and tag. The tag is required: the digest is looked up by it.
LINE = re.compile(
    r"^(?P<key>\s+SITE_CI_IMAGE:\s*)(?P<tag>[a-z0-9][a-z0-9.:/_-]*:[A-Za-z0-9_][A-Za-z0-9_.-]*)"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?(?P<rest>\s*(?:#.*)?)$",
    re.MULTILINE,
)


def main(file: Path) -> int:
    """Write the digest of the tag into *file*; return the exit status."""
    text = file.read_text("utf-8")
    matches = LINE.findall(text)
    if len(matches) != 1:
        print(f"{file}: must have exactly one line SITE_CI_IMAGE: NAME:TAG; write one", file=sys.stderr)
        return 1
    tag = matches[0][1]
    try:
        done = subprocess.run(
            ["skopeo", "inspect", "--raw", f"docker://{tag}"], capture_output=True, timeout=120, check=False
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        print("skopeo: not installed, or timed out; run `.ci/tools skopeo`", file=sys.stderr)
        return 1
    if done.returncode or not done.stdout:
        print(f"{tag}: the registry returns no digest: {done.stderr.decode().strip()}", file=sys.stderr)
        return 1
    pinned = f"{tag}@sha256:{hashlib.sha256(done.stdout).hexdigest()}"
    file.write_text(LINE.sub(lambda row: f"{row['key']}{pinned}{row['rest']}", text), encoding="utf-8")
    print(pinned)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
