"""Make and drop databases on a PostgreSQL server, each one fresh for one test."""

from __future__ import annotations

import itertools
import os
from contextlib import closing
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from psycopg2 import sql


class Databases:
    """Databases beside the one of the given URL; its user must be allowed to create them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._prefix = f"fresh_{os.getpid()}_"
        self._numbers = itertools.count(1)

    def fresh_database(self, template: str = "template1", name: str | None = None) -> str:
        """Copy the template, return the URL of the copy; nothing may be connected to the template."""
        name = name or f"{self._prefix}{next(self._numbers)}"
        self._execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template)))
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop the database of this URL and cut whoever is still connected to it."""
        name = sql.Identifier(urlsplit(url).path[1:])
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))

    def url(self, name: str) -> str:
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))

    def _execute(self, statement: sql.Composed) -> None:
        # a connection of its own each time: one kept open would hold up a smart stop and break in every restart
        with closing(psycopg2.connect(self._url, connect_timeout=30)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
