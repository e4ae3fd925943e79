"""Paths of objects that are taken from buckets, each with room for its sidecar: `<path>.meta.json` is never an object.

Whoever writes to a bucket chooses its keys. An object that is itself named `<file>.meta.json`, or like another but for
the case of letters, must neither take the place of a file or its sidecar nor vanish.
"""

from __future__ import annotations

from itertools import chain, count

from amberlight.capture.answers import path_of

SIDECAR = ".meta.json"
"""Beside every object's path: what HeadObject said of it. Capture, lab, vault and `trail prove` agree on this."""


class ObjectPaths:
    """Gives each object one path, for as long as a capture lasts."""

    def __init__(self) -> None:
        self._objects: set[tuple[str, str]] = set()
        self._used: set[str] = set()

    def __len__(self) -> int:
        return len(self._objects)

    def of(self, bucket: str, key: str) -> str | None:
        """The object's path, its key where nothing speaks against it; None where the object was asked for before.

        The key stays the end of the path; a folder before it tells apart what would be one file (with the same key in
        another bucket, or where a disk does not know upper from lower case).
        """
        if (bucket, key) in self._objects:
            return None
        self._objects.add((bucket, key))
        path = path_of(key)
        if path.casefold().endswith(SIDECAR):
            # `path_of` writes every percent sign as %25, so that no other key can be written like this.
            path = f"{path[: -len('.json')]}%2E{path[-len('json') :]}"
        folders = chain(("", f"{path_of(bucket)}/"), (f"{number}/{path_of(bucket)}/" for number in count(2)))
        place = next(place for folder in folders if (place := folder + path).casefold() not in self._used)
        self._used.add(place.casefold())
        return place
