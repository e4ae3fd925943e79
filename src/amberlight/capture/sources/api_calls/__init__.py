"""Who called which API, when and from where."""
