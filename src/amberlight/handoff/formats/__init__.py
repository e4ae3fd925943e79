"""Forms that receivers' tools open: one file each, with its `FORMAT` at the end. They do not know each other."""
