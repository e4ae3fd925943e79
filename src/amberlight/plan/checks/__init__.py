"""Checks of a plan: one file per part of it, each with `CHECKS` at its end. The folder is the catalogue."""
