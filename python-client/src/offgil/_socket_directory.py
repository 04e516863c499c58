"""A private directory for the Unix socket of an embedded server."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from offgil._exceptions import SidecarError

__all__ = [
    "SOCKET_NAME",
    "SUCCESSOR_NAME",
    "create_socket_directory",
    "restore_socket_directory",
]

SOCKET_NAME = "offgil.sock"
# Where a server listens that is to replace another one; not longer than the name above.
SUCCESSOR_NAME = "next.sock"
# sockaddr_un.sun_path has 108 bytes, the last of which is a zero.
MAX_SOCKET_PATH_BYTES = 107


def create_socket_directory() -> Path:
    """Creates a directory that only this user can enter and whose socket path is short enough.

    Raises:
        SidecarError: The system refuses everywhere.
    """
    faults: list[str] = []
    for base in _bases():
        try:
            directory = Path(tempfile.mkdtemp(prefix="offgil-", dir=base))  # mode 0700
        except OSError as fault:
            faults.append(f"{base}: {fault.strerror}")
            continue
        length = len(os.fsencode(directory / SOCKET_NAME))
        if length <= MAX_SOCKET_PATH_BYTES:
            return directory
        directory.rmdir()
        faults.append(f"{base}: a socket path of {length} bytes, over {MAX_SOCKET_PATH_BYTES}")
    reasons = "\n".join(f"  {fault}" for fault in faults)
    raise SidecarError(f"cannot create a directory for the server's socket:\n{reasons}")


def restore_socket_directory(directory: Path) -> None:
    """Creates a private directory anew if it has vanished, such as by a cleaner of old files.

    Its path must stay, since the clients know it.

    Raises:
        SidecarError: The path is taken by somebody else.
        OSError: The system refuses.
    """
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        found = directory.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise SidecarError(f"{directory} is not the server's own directory") from None
        if stat.S_IMODE(found.st_mode) != 0o700:
            directory.chmod(0o700)


def _bases() -> list[str]:
    bases = [tempfile.gettempdir(), "/tmp"]
    # Last, because it is removed when the user logs out, while the app may go on.
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return list(dict.fromkeys([*bases, runtime] if runtime else bases))
