"""One file is one rule: a docstring that becomes its page, a function, the record `RULE` at the end.

A rule judges what was done, never with which tool, by which name, or in whose data set. It names what sets it off
harmlessly, and carries an example that matches and one that only looks alike. See `docs/guide/writing-rules.md`.
"""
