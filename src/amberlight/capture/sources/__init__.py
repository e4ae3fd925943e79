"""The evidence sources: one file each, a folder per kind; the folder is the catalogue.

A file holds a docstring (it becomes the source's page), one function that yields artifacts, and at its end the record
`SOURCE` with the declared facts. Sources do not import one another, and they call AWS through the door of their context
alone, which refuses what they do not declare. What could not be had is yielded as `Missing` with its reason.
"""
