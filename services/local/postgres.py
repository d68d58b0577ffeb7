"""PostgreSQL as a child of ours; as root, in the name of nobody."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Any

from services.kit import programs
from services.kit.process import ROOT, Child, free_port, run_once, write_whole

_SETTINGS = ROOT / "deploy/postgres/settings.conf"


class Postgres:
    """One server whose files lie in ``data/postgres``, or where that link leads."""

    def __init__(self, data: Path, password: str) -> None:
        self.link, self.password, self.port = data / "postgres", password, free_port()
        self.log = data / "logs/postgres.log"
        self.dsn = f"postgresql://greenchannel_admin:{password}@127.0.0.1:{self.port}/greenchannel"

    def prepare(self) -> Child:
        """Make the folder, and the database in a new one."""
        folder, who = programs.for_us(self.link)
        home = self.link.resolve()
        if not (home / "data").exists():
            self._initdb(str(folder / "initdb"), home, who)
        # The system's bound on a socket's name; without one, there is the port.
        socket = str(home) if len(str(home)) < 80 else ""
        lines = [f"port={self.port}", f"unix_socket_directories={socket}"]
        lines += _SETTINGS.read_text("utf-8").splitlines()
        words = [word for line in lines if line[0] != "#" for word in ("-c", line)]
        argv = [str(folder / "postgres"), "-D", str(home / "data"), *words]
        return Child("postgres", argv, self.log, stop_with=signal.SIGINT, options=who)

    def _initdb(self, initdb: str, home: Path, who: dict[str, Any]) -> None:
        """Make ``data``, whole or not at all. The password goes by a file, for everybody sees
        the words of a program."""
        new = home / "new"
        shutil.rmtree(new, ignore_errors=True)
        file = write_whole(home / "password", self.password)
        os.chown(file, who.get("user", -1), who.get("group", -1))
        run_once(
            [initdb, "-D", str(new), "-U", "greenchannel_admin", f"--pwfile={file}",
             "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C",
             "--locale-provider=builtin", "--builtin-locale=C.UTF-8"], **who,
        )  # fmt: skip
        file.unlink()
        new.rename(home / "data")
