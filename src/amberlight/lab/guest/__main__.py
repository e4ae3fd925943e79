"""Makes the guest's image, or finds it in the cache: `python -m amberlight.lab.guest [DIRECTORY]`; prints where it lies."""

from __future__ import annotations

import sys
from pathlib import Path

from amberlight.lab.guest import image, packages


def main(words: list[str]) -> int:
    """Make or find the image."""
    try:
        made = image.ensure(Path(words[0]) if words else image.cache())
    except (packages.PackageError, OSError) as error:
        print(f"The guest's image cannot be made: {error}", file=sys.stderr)  # noqa: T201
        return 1
    print(made.directory)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
