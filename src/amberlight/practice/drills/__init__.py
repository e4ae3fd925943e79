"""Drills: one folder each. The folder is the catalogue."""
