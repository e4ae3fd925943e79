"""The memory of what was noticed and decided: signals, suspicions, decisions, acts, cases. SQLite by default, by URL otherwise.

`book` takes records, gives them back; `deciding` are the acts of people, `standing` is how each suspicion stands after them.
A record is stored whole as JSON beside the columns that are searched; recording the same one again replaces it, except a
decision, an act or a case, which stand once written.
"""

from amberlight.casebook.book import Casebook

__all__ = ["Casebook"]
