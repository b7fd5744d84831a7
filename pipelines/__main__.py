"""``python -m pipelines COMMAND``, and the command that the package installs."""

import gc
import sys

from pipelines.cli import main


def run() -> int:
    """Run the command of this process; return its exit status."""
    try:
        return main()
    finally:
        gc.freeze()  # the interpreter ends without a search for garbage, which takes longer than an import


if __name__ == "__main__":
    sys.exit(run())
