"""Durable execution: steps that are done stay done, whatever happens to the process.

Takes an id of the work, the ids of its steps in order, and a function; gives each step's result as bytes. Results lie
in a database (SQLite by default, PostgreSQL by URL). Nothing else imports DBOS, and this package imports it only when
work is run.
"""

from amberlight._engine.engine import Engine

__all__ = ["Engine"]
