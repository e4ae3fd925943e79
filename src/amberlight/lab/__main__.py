"""The lab's child process: `python -m amberlight.lab OPTIONS-AS-JSON`, started by `amberlight.lab.start`."""

from __future__ import annotations

import sys

from amberlight.lab.server import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
