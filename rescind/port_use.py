"""Which port a server can listen on, and which process has it already.

This module imports nothing else of ours: the sandbox uses it, too.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
LISTENS = "0A"
"""The state of a listening socket in ``/proc/net/tcp``."""


class PortTakenError(RuntimeError):
    """Another process has the port; the text is a sentence that names it."""


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now; ``OSError`` if the host is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError:
            # A port below 1024: the server itself reports this.
            return True
        except OSError:
            # A host that is not ours raises here, too.
            probe.bind((host, 0))
            return False
    return True


def unused(host: str) -> int:
    """A port of ``host`` that is free now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def taken(host: str, port: int) -> str:
    """The fact that a port is taken, with the process that has it, if it is known."""
    return f"port {port} of {host} is taken by {holder(port) or 'another process'}"


def holder(port: int) -> str | None:
    """The process that listens on ``port``: its id and its program.

    ``None`` if that cannot be known: outside Linux, or for another user's process.
    The arguments of the process are left out, since they may hold a secret.
    """
    inodes = {f"socket:[{inode}]" for inode in _inodes(port)}
    for process in PROC.glob("[0-9]*") if inodes else ():
        if inodes & set(_open_files(process)):
            return f"process {process.name} ({_program(process)})"
    return None


def _inodes(port: int) -> Iterator[str]:
    """The inodes of the sockets that listen on ``port``."""
    for name in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in (PROC / "net" / name).read_text().splitlines()[1:]:
                words = line.split()
                local, state = words[1], words[3]
                if state == LISTENS and int(local.rpartition(":")[2], 16) == port:
                    yield words[9]


def _open_files(process: Path) -> Iterator[str]:
    with suppress(OSError):
        for one in (process / "fd").iterdir():
            with suppress(OSError):
                yield str(one.readlink())


def _program(process: Path) -> str:
    """The program's name; for Python, with the module or the script that it runs."""
    try:
        line = (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return "unknown"
    words = line.rstrip("\0").split("\0")
    name = Path(words[0]).name
    if not name.startswith("python"):
        return name
    at = next((n for n, one in enumerate(words[1:], 1) if one[:1] != "-"), None)
    if at is None:
        return name
    flag = f"{words[at - 1]} " if words[at - 1] == "-m" else ""
    # The code after -c may hold anything.
    return name if words[at - 1] == "-c" else f"{name} {flag}{Path(words[at]).name}"
