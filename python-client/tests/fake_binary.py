"""A stand-in for the server's binary: it creates its socket path and waits for SIGTERM.

The variable FAKE_SERVER chooses what it does: ``serve``, ``refuse`` (exit 69), ``misuse`` (exit
64), ``mute`` (never ready), ``gated`` (ready when its gate is open) or ``stubborn`` (ignores
SIGTERM).
"""

import os
import signal
import sys
import time
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Runs the command line of the server."""
    behaviour = os.environ.get("FAKE_SERVER", "serve")
    if arguments[0] == "health":
        path = Path(arguments[2].removeprefix("unix://"))
        deadline = time.monotonic() + float(arguments[4].removesuffix("s"))
        while time.monotonic() < deadline:
            if path.exists():
                return 0
            time.sleep(0.01)
        return 1
    with open(os.environ["FAKE_SERVER_LOG"], "a") as log:
        print(os.getpid(), *arguments, file=log, flush=True)
    if behaviour in ("refuse", "misuse"):
        print(f"the reason: {behaviour}", file=sys.stderr)
        return 69 if behaviour == "refuse" else 64
    action = signal.SIG_IGN if behaviour == "stubborn" else lambda *_: sys.exit(0)
    signal.signal(signal.SIGTERM, action)
    while behaviour == "gated" and not os.path.exists(os.environ["FAKE_SERVER_GATE"]):
        time.sleep(0.01)
    if behaviour != "mute":
        Path(arguments[1]).touch()
    while True:
        time.sleep(60)


sys.exit(main(sys.argv[1:]))
