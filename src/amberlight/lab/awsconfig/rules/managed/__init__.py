"""AWS's managed rules that the lab evaluates: one file for each, with `RULE` at its end; the folder is the list."""
