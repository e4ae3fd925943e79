"""One file per kind of fault: its docstring, its record `FAULT`, an `EXAMPLE` in YAML, and `install(points)`."""
