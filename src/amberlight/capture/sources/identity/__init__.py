"""Who may do what, and what of it they used."""
