"""The lab's AWS Config: it reads resources back after calls that change something, and keeps what it found.

`kinds/` has one file for each resource type, `engine` decides what to read and when, `book` keeps the items, `item` and `diff`
write them in AWS's forms, `recorders` holds recorders and channels, `delivery` sends files and messages, `query` answers SQL,
`rules/` evaluates. `services/config.py` puts it together.
"""
