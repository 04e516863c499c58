"""The deployment of a docker-compose.yml under a project name of its own, as an object."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "offgil-test"
HTTP = ("127.0.0.1", 8000)
GRPC = ("127.0.0.1", 50051)
SERVICE = "offgil.v1.ComputeService"

# Seconds. A build starts with an empty cache in the worst case.
BUILD_TIMEOUT = 1200
COMMAND_TIMEOUT = 180


class DeploymentError(AssertionError):
    """Docker is absent or refuses; the message says what to do, or holds what Docker said."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container of the deployment.

    Attributes:
        id: What Docker calls it.
    """

    id: str

    def inspect(self) -> dict[str, Any]:
        """Returns all that Docker knows of it."""
        return inspect(self.id)

    def counted_calls(self) -> int:
        """Returns how many calls of `ComputeService` it has logged."""
        return sum(line.get("method", "").startswith(SERVICE) for line in self.log_lines())

    def log_lines(self) -> list[dict[str, Any]]:
        """Returns the lines of its JSON log."""
        log = docker("logs", self.id, merge_errors=True)
        return [json.loads(line) for line in log.splitlines() if line.startswith("{")]

    def stop(self) -> None:
        """Stops it as an operator does: SIGTERM, the grace period, SIGKILL."""
        docker("stop", self.id)

    def kill(self) -> None:
        """Ends it at once, with SIGKILL."""
        docker("kill", self.id)


@dataclass(frozen=True, slots=True)
class Compose:
    """The deployment: `build`, `up`, `scale`, `containers`, `stop`, `down`.

    Attributes:
        folder: Where its docker-compose.yml is.
        overrides: The names of files there that change it.
    """

    folder: Path = ROOT
    overrides: tuple[str, ...] = ()

    def check_engine(self) -> None:
        """Fails unless a Docker engine and Compose can be used."""
        try:
            docker("version", "--format", "{{.Server.Version}}")
            docker("compose", "version")
        except (DeploymentError, FileNotFoundError) as fault:
            raise DeploymentError(
                "these tests need a running Docker engine and the compose plugin; "
                f"`docker version` or `docker compose version` says:\n{fault}"
            ) from None

    def check_ports(self) -> None:
        """Fails if a port that the deployment publishes is taken."""
        for address in (HTTP, GRPC):
            with socket.socket() as probe:
                # Connections of an earlier deployment that linger are no obstacle.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(address)
                except OSError as fault:
                    raise DeploymentError(
                        f"docker-compose.yml publishes {address[0]}:{address[1]}, which is not "
                        f"free ({fault.strerror}): stop what listens there, such as `make run`"
                    ) from None

    def build(self) -> None:
        """Builds the images."""
        self._run("build", timeout=BUILD_TIMEOUT)

    def up(self, *options: str) -> None:
        """Starts what does not run, and waits until all of it is healthy."""
        self._run("up", "--no-build", "--wait", "--wait-timeout", "120", *options)

    def scale(self, replicas: int) -> None:
        """Runs so many compute servers; those that run already go on."""
        self.up("--no-recreate", "--scale", f"compute={replicas}")

    def containers(self, service: str) -> list[Container]:
        """Returns the running containers of a service."""
        return [Container(id) for id in self._run("ps", "--quiet", service).split()]

    def logs(self) -> str:
        """Returns the end of every log, for people."""
        return self._run("logs", "--no-color", "--timestamps", "--tail", "200")

    def stop(self) -> None:
        """Stops everything as an operator does; the containers stay."""
        self._run("stop")

    def down(self) -> None:
        """Removes the containers, the network and the volumes."""
        self._run("down", "--volumes", "--remove-orphans")

    def _run(self, *arguments: str, timeout: float = COMMAND_TIMEOUT) -> str:
        files: list[str] = []
        for name in ("docker-compose.yml", *self.overrides):
            files += ["-f", str(self.folder / name)]
        return docker("compose", "-p", PROJECT, *files, *arguments, timeout=timeout)


def inspect(name: str) -> dict[str, Any]:
    """Returns what Docker knows of an image or a container."""
    found: list[dict[str, Any]] = json.loads(docker("inspect", name))
    return found[0]


def docker(*arguments: str, timeout: float = COMMAND_TIMEOUT, merge_errors: bool = False) -> str:
    """Runs `docker` in the project's root and returns its output.

    Args:
        arguments: The command line.
        timeout: For how many seconds it may run.
        merge_errors: Whether standard error is part of the output.

    Raises:
        DeploymentError: It failed, or it did not end in time.
    """
    command: Sequence[str] = ("docker", *arguments)
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=os.environ | {"COMPOSE_ANSI": "never"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merge_errors else subprocess.PIPE,
            text=True,
            timeout=timeout,
        )
    except subprocess.TimeoutExpired as late:
        said = f"{late.stdout or b''!r}\n{late.stderr or b''!r}"
        raise DeploymentError(f"{' '.join(command)}: not done after {timeout} s\n{said}") from None
    if done.returncode != 0:
        said = "\n".join(filter(None, (done.stdout, done.stderr)))
        raise DeploymentError(f"{' '.join(command)}: exit code {done.returncode}\n{said}")
    return done.stdout
