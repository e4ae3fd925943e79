"""Runs the command line as `python -m amberlight.cli`."""

from amberlight.cli import main

main()
