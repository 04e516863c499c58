"""What deploy/mtls/make-certificates makes serves a server and an app, and can be renewed."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from offgil import Client, ConnectionFailed, TLSConfig, Unauthenticated

from certificates import SecureServer
from conftest import Start
from processes import ROOT, App, clean_environment, wait_for

MADE = {"ca.pem", "cert.pem", "key.pem", "token"}
IN_CONTAINERS = "/run/offgil"


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script in a folder of the test's own."""
    return Path(shutil.copy(ROOT / "deploy/mtls/make-certificates", tmp_path))


def make(script: Path) -> Path:
    """Runs the script and returns the folder that it writes into."""
    ran = subprocess.run([script], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return script.parent / "certificates"


def services() -> dict[str, Any]:
    override = (ROOT / "docker-compose.mtls.yml").read_text()
    found: dict[str, Any] = yaml.safe_load(override)["services"]
    return found


def variables(service: str, folder: Path) -> dict[str, str]:
    """Returns the environment that the override gives a service, for the files of a folder."""
    given = services()[service]["environment"]
    return {name: value.replace(IN_CONTAINERS, str(folder)) for name, value in given.items()}


def tls_of(folder: Path) -> TLSConfig:
    return TLSConfig(ca=folder / "ca.pem", cert=folder / "cert.pem", key=folder / "key.pem")


def test_the_override_gives_servers_and_app_what_the_script_makes(
    start: Start[App], serve: Start[SecureServer], tmp_path: Path, script: Path
) -> None:
    made = make(script)
    of_server = clean_environment(**variables("compute", made / "server"))
    server = serve(SecureServer(tmp_path, environment=of_server))
    # Names of the certificate are those of the services, and this machine's.
    target = f"dns:///localhost:{server.port}"
    of_app = clean_environment(**variables("app", made / "app"), OFFGIL_TARGET=target)
    app = start(App(tmp_path, environment=of_app))
    assert app.get("/sum-squares-rust?a=3&b=4").json()["sum_of_squares"] == 25
    with Client(target, tls=tls_of(made / "app")) as client, pytest.raises(Unauthenticated):
        client.sum_squares(3, 4)
    only_server = TLSConfig(ca=made / "ca.pem")
    with Client(target, tls=only_server, connect_timeout=0.5) as client:
        with pytest.raises(ConnectionFailed):
            client.sum_squares(3, 4)


def test_a_second_run_renews_the_certificates_alone(
    serve: Start[SecureServer], tmp_path: Path, script: Path
) -> None:
    made = make(script)
    environment = clean_environment(**variables("compute", made / "server"))
    server = serve(SecureServer(tmp_path, environment=environment))
    kept = [made / "ca.key", made / "ca.pem", made / "server/token", made / "app/token"]
    renewed = [made / name / part for name in ("server", "app") for part in ("cert.pem", "key.pem")]
    before = {path: path.read_text() for path in (*kept, *renewed)}
    # A channel reads its certificate when it is opened.
    token = (made / "app/token").read_text().strip()
    with Client(server.target, tls=tls_of(made / "app"), token=token) as client:
        assert client.sum_squares(3, 4) == 25
        make(script)
        assert [path for path in kept if path.read_text() != before[path]] == []
        assert [path for path in renewed if path.read_text() == before[path]] == []
        wait_for(lambda: '"message":"read again"' in server.log, "the server has the new ones")
        assert client.sum_squares(3, 4) == 25
    with Client(server.target, tls=tls_of(made / "app"), token=token) as client:
        assert client.sum_squares(3, 4) == 25


def test_only_the_owner_of_the_folder_reaches_the_keys(script: Path) -> None:
    made = make(script)
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    # Containers see their folder alone, as a user of their own; the authority's key is in none.
    assert stat.S_IMODE((made / "ca.key").stat().st_mode) == 0o600
    for folder in (made / "server", made / "app"):
        assert {path.name for path in folder.iterdir()} == MADE
        assert all(stat.S_IMODE(path.stat().st_mode) == 0o644 for path in folder.iterdir())
    left = {path.name for path in made.iterdir()}
    assert left == {"ca.key", "ca.pem", "server", "app"}


def test_the_override_mounts_no_more_than_the_folder_of_each_service() -> None:
    folders = {"compute": "server", "grpc": "server", "app": "app"}
    assert services().keys() == folders.keys()
    for name, folder in folders.items():
        (mount,) = services()[name]["volumes"]
        assert mount["source"] == f"./deploy/mtls/certificates/{folder}"
        assert mount["target"] == IN_CONTAINERS
        assert mount["read_only"] is True
        assert mount["bind"] == {"create_host_path": False}


def test_git_and_docker_leave_the_keys_alone() -> None:
    key = "deploy/mtls/certificates/server/key.pem"
    assert subprocess.run(["git", "check-ignore", "-q", key], cwd=ROOT).returncode == 0
    # All is ignored there but what is named.
    first, *named = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] in "*!"
    ]
    assert first == "*"
    assert not any(line.startswith(("!deploy", "!*")) for line in named)
