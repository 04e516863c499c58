"""The ready-made app takes its certificates and its token from the environment."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from offgil import Client, Unauthenticated

from certificates import Authority, Identity, SecureServer
from conftest import Start
from processes import App, clean_environment, free_port, wait_for
from start_attempts import USAGE, run_app

TOKEN, OTHER_TOKEN = "the-first-of-the-tokens", "the-second-of-the-tokens"
SUM = "/sum-squares-rust?a=3&b=4"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def token_file(folder: Path, token: str = TOKEN) -> Path:
    path = folder / f"{token}.file"
    path.write_text(f"{token}\n")
    return path


def variables(
    authority: Authority, client: Identity, tokens: Path, **others: str
) -> dict[str, str]:
    """Returns the environment of an app with these credentials."""
    return clean_environment(
        OFFGIL_TLS_CA=str(authority.file),
        OFFGIL_TLS_CERT=str(client.cert),
        OFFGIL_TLS_KEY=str(client.key),
        OFFGIL_TOKEN_FILE=str(tokens),
        **others,
    )


@pytest.fixture
def secure(serve: Start[SecureServer], tmp_path: Path, authority: Authority) -> SecureServer:
    """A server that asks for a certificate and a token."""
    identity = authority.issue("server")
    tokens = token_file(tmp_path)
    return serve(SecureServer(tmp_path, identity=identity, callers=authority, token_file=tokens))


def test_the_app_calls_with_what_the_environment_names(
    start: Start[App], tmp_path: Path, authority: Authority, secure: SecureServer
) -> None:
    environment = variables(
        authority,
        authority.issue("app", "app.example"),
        token_file(tmp_path),
        OFFGIL_TARGET=secure.target,
    )
    app = start(App(tmp_path, "--workers", "2", environment=environment))
    for _ in range(5):
        assert app.get(SUM).json() == {"a": 3, "b": 4, "sum_of_squares": 25}
    assert app.answers("/readyz", 200)
    assert app.get("/kernels").status_code == 200
    # Long enough for the streaming routes.
    numbers = list(range(300_000))
    response = app.post("/process-numbers-rust", json={"numbers": numbers})
    assert response.json()["original_count"] == len(numbers)
    app.stop()
    for log in (app.log, app.output, secure.log):
        assert TOKEN not in log.replace(str(token_file(tmp_path)), "")


def test_a_wrong_token_is_a_bad_gateway(
    start: Start[App], tmp_path: Path, authority: Authority, secure: SecureServer
) -> None:
    client = authority.issue("app", "app.example")
    wrong = token_file(tmp_path, OTHER_TOKEN)
    environment = variables(authority, client, wrong, OFFGIL_TARGET=secure.target)
    app = start(App(tmp_path, environment=environment))
    for response in (
        app.get(SUM),
        app.post("/process-numbers-rust", json={"numbers": [1]}),
        app.post("/process-numbers-rust", json={"numbers": list(range(300_000))}),
        app.post("/kernels/ema", json={"x": [1.0], "alpha": 0.5}),
    ):
        assert response.status_code == 502, response.text
        assert OTHER_TOKEN not in response.text
    assert OTHER_TOKEN not in app.log.replace(str(wrong), "")


def test_a_certificate_that_is_not_trusted_is_a_server_that_cannot_be_reached(
    start: Start[App], tmp_path: Path, secure: SecureServer
) -> None:
    stranger = Authority(tmp_path, "stranger")
    environment = variables(
        stranger,
        stranger.issue("app", "app.example"),
        token_file(tmp_path),
        OFFGIL_TARGET=secure.target,
        OFFGIL_CONNECT_TIMEOUT="0.3",
    )
    app = start(App(tmp_path, environment=environment))
    response = app.get(SUM)
    assert response.status_code == 503
    assert response.json() == {"detail": "the compute server cannot be reached"}


def test_the_app_reports_all_wrong_credentials_together(tmp_path: Path) -> None:
    empty = tmp_path / "tokens"
    empty.touch()
    wrong = {
        "OFFGIL_TARGET": "nowhere",
        "OFFGIL_TLS_CA": "/nowhere/ca",
        "OFFGIL_TLS_KEY": "/nowhere/key",
        "OFFGIL_TOKEN_FILE": str(empty),
    }
    ran = run_app("--port", str(free_port()), **wrong)
    assert ran.returncode == USAGE
    messages = ran.stderr.splitlines()
    assert [message.split(": ")[1] for message in messages] == list(wrong)


def test_an_embedded_server_and_its_app_share_the_credentials(
    start: Start[App], tmp_path: Path, authority: Authority
) -> None:
    environment = variables(authority, authority.issue("both"), token_file(tmp_path))
    app = start(App(tmp_path, environment=environment))
    assert app.get(SUM).json()["sum_of_squares"] == 25
    # What the embedded server serves over TCP is as closed as that of any other server.
    tls = authority.tls(authority.issue("client"))
    with Client(app.grpc_address, tls=tls, token=TOKEN) as client:
        assert client.sum_squares(3, 4) == 25
    with Client(app.grpc_address, tls=tls) as client, pytest.raises(Unauthenticated):
        client.sum_squares(3, 4)
    killed = app.sidecar()
    killed.send_signal(signal.SIGKILL)
    wait_for(lambda: app.sidecars() not in ([], [killed]), "the server is restarted")
    wait_for(lambda: app.answers(SUM, 200), "the app calls the new one")
