"""The memory of what was noticed and decided: signals, suspicions, decisions, cases. SQLite by default, by URL otherwise.

Takes records, gives them back. A record is stored whole as JSON beside the columns that are searched; recording the same
one again replaces it, except a decision or a case, which stand once written.
"""

from amberlight.casebook.book import Casebook

__all__ = ["Casebook"]
