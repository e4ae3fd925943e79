"""Resource types that the lab records: one file for each, with `KIND` at its end; the folder is the list."""
