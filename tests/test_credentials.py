"""Who may call a server: certificates, tokens and users, and what happens when they change."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from offgil import AsyncClient, Client, ConnectionFailed, TLSConfig, Unauthenticated

from certificates import Authority, SecureServer
from conftest import Start
from grpcurl import run_grpcurl
from processes import ROOT, Server, wait_for
from start_attempts import UNAVAILABLE, USAGE, run_server

SERVICE = "offgil.v1.ComputeService"
TOKEN, OTHER_TOKEN = "the-first-of-the-tokens", "the-second-of-the-tokens"
# Far more than a refusal takes, and far less than the deadline of a call.
SECONDS = 8.0
KEPT = "cannot be read again; the old one stays"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    """An authority that the server and its callers do not know."""
    return Authority(tmp_path, "stranger")


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "tokens"
    path.write_text(f"# ours\n{TOKEN}\n")
    return path


def replace_text(path: Path, text: str) -> None:
    """Replaces a file as a whole, as a secret store does."""
    successor = path.with_suffix(".next")
    successor.write_text(text)
    os.replace(successor, path)


async def check_refused(server: Server, tls: TLSConfig | None) -> None:
    """Fails unless both clients are refused within seconds."""
    async with (
        asyncio.timeout(SECONDS),
        AsyncClient(server.target, connect_timeout=0.5, tls=tls) as client,
    ):
        with pytest.raises(ConnectionFailed):
            await client.sum_squares(3, 4)
        assert not await client.check_health()
    with Client(server.target, timeout=SECONDS, connect_timeout=0.5, tls=tls) as blocking:
        with pytest.raises(ConnectionFailed):
            await asyncio.to_thread(blocking.sum_squares, 3, 4)


# === TLS ===


async def test_both_clients_call_over_tls(
    start: Start[SecureServer], tmp_path: Path, authority: Authority
) -> None:
    server = start(SecureServer(tmp_path, identity=authority.issue("server")))
    async with AsyncClient(server.target, tls=authority.tls()) as client:
        assert await client.sum_squares(3, 4) == 25
        assert await client.check_health()
        numbers = list(range(300_000))
        assert await client.process_numbers(numbers, rounds=0) == numbers
    with Client(server.target, tls=authority.tls()) as blocking:
        assert blocking.sum_squares(3, 4) == 25


async def test_a_plaintext_client_is_refused_within_seconds(
    start: Start[SecureServer], tmp_path: Path, authority: Authority
) -> None:
    server = start(SecureServer(tmp_path, identity=authority.issue("server")))
    await check_refused(server, None)


async def test_a_client_refuses_a_server_of_another_authority(
    start: Start[SecureServer], tmp_path: Path, authority: Authority, stranger: Authority
) -> None:
    server = start(SecureServer(tmp_path, identity=authority.issue("server")))
    await check_refused(server, stranger.tls())


async def test_a_client_refuses_a_certificate_of_another_name(
    start: Start[SecureServer], tmp_path: Path, authority: Authority
) -> None:
    server = start(SecureServer(tmp_path, identity=authority.issue("server", "compute.example")))
    await check_refused(server, authority.tls())
    named = TLSConfig(ca=authority.file, server_name="compute.example")
    async with AsyncClient(server.target, tls=named) as client:
        assert await client.sum_squares(3, 4) == 25


async def test_the_unix_socket_stays_plaintext(
    start: Start[SecureServer], tmp_path: Path, authority: Authority
) -> None:
    server = start(SecureServer(tmp_path, identity=authority.issue("server"), callers=authority))
    for tls in (None, authority.tls()):
        async with AsyncClient(server.unix_target, tls=tls) as client:
            assert await client.sum_squares(3, 4) == 25


async def test_grpcurl_calls_over_tls(
    start: Start[SecureServer], tmp_path: Path, authority: Authority
) -> None:
    server = start(SecureServer(tmp_path, identity=authority.issue("server")))
    options = ("-cacert", str(authority.file))
    ran = run_grpcurl(server.address, "list", options=options)
    assert SERVICE in ran.stdout.split(), ran.stderr


# === Certificates of the callers ===


async def test_only_callers_with_a_certificate_of_the_authority_are_served(
    start: Start[SecureServer], tmp_path: Path, authority: Authority, stranger: Authority
) -> None:
    server = start(SecureServer(tmp_path, identity=authority.issue("server"), callers=authority))
    tls = authority.tls(authority.issue("client", "app.example"))
    async with AsyncClient(server.target, tls=tls) as client:
        assert await client.sum_squares(3, 4) == 25
    with Client(server.target, tls=tls) as blocking:
        assert blocking.sum_squares(3, 4) == 25
    await check_refused(server, authority.tls())
    await check_refused(server, authority.tls(stranger.issue("client-of-stranger")))


# === Renewal ===


async def test_a_new_certificate_is_shown_without_disturbing_calls_in_flight(
    start: Start[SecureServer], tmp_path: Path, authority: Authority
) -> None:
    identity = authority.issue("server")
    server = start(SecureServer(tmp_path, identity=identity))
    first = authority.serial(server.port)
    renewed = asyncio.Event()

    async def chunks() -> AsyncIterator[list[int]]:
        yield [1]
        await renewed.wait()
        yield [2]

    async with AsyncClient(server.target, tls=authority.tls()) as client:
        stream = client.process_numbers_stream(chunks(), rounds=0)
        assert await anext(stream) == [1]
        identity.replace_with(authority.issue("renewed"))
        await asyncio.to_thread(
            wait_for, lambda: authority.serial(server.port) != first, "the new one is shown"
        )
        renewed.set()
        assert [x async for x in stream] == [[2]]
        assert await client.sum_squares(3, 4) == 25
    async with AsyncClient(server.target, tls=authority.tls()) as client:
        assert await client.sum_squares(3, 4) == 25


def test_a_broken_certificate_is_not_taken_and_the_next_good_one_is(
    start: Start[SecureServer], tmp_path: Path, authority: Authority
) -> None:
    identity = authority.issue("server")
    server = start(SecureServer(tmp_path, identity=identity))
    first = authority.serial(server.port)
    replace_text(identity.cert, "no certificate\n")
    wait_for(lambda: KEPT in server.log, "it is logged")
    assert str(identity.cert) in server.log
    assert authority.serial(server.port) == first
    with Client(server.target, tls=authority.tls()) as client:
        assert client.sum_squares(3, 4) == 25
    identity.replace_with(authority.issue("renewed"))
    wait_for(lambda: authority.serial(server.port) != first, "the next one is shown")


def test_a_certificate_without_its_key_is_not_taken(
    start: Start[SecureServer], tmp_path: Path, authority: Authority
) -> None:
    identity = authority.issue("server")
    server = start(SecureServer(tmp_path, identity=identity))
    first = authority.serial(server.port)
    os.replace(authority.issue("renewed").cert, identity.cert)
    wait_for(lambda: KEPT in server.log, "it is logged")
    assert authority.serial(server.port) == first


# === Tokens ===


async def test_only_callers_that_know_a_token_are_served(
    start: Start[SecureServer], tmp_path: Path, token_file: Path
) -> None:
    server = start(SecureServer(tmp_path, token_file=token_file))
    for target in (server.target, server.unix_target):
        async with AsyncClient(target, token=TOKEN) as client:
            assert await client.sum_squares(3, 4) == 25
            assert await client.process_numbers(list(range(300_000)), rounds=0)
            assert [x async for x in client.process_numbers_stream([[1]], rounds=0)] == [[1]]
        with Client(target, token=TOKEN) as blocking:
            assert blocking.sum_squares(3, 4) == 25
        for wrong in (None, OTHER_TOKEN):
            async with AsyncClient(target, token=wrong) as client:
                with pytest.raises(Unauthenticated) as refused:
                    await client.sum_squares(3, 4)
                assert refused.value.reason == "UNAUTHENTICATED"
                assert OTHER_TOKEN not in str(refused.value)
                with pytest.raises(Unauthenticated):
                    [x async for x in client.process_numbers_stream([[1]])]
            with Client(target, token=wrong) as blocking, pytest.raises(Unauthenticated):
                blocking.sum_squares(3, 4)


async def test_the_health_check_needs_no_token(
    start: Start[SecureServer], tmp_path: Path, token_file: Path
) -> None:
    server = start(SecureServer(tmp_path, token_file=token_file))
    async with AsyncClient(server.target) as client:
        assert await client.check_health()


def test_reflection_needs_a_token(
    start: Start[SecureServer], tmp_path: Path, token_file: Path
) -> None:
    server = start(SecureServer(tmp_path, token_file=token_file))
    refused = run_grpcurl(server.address, "list")
    assert refused.returncode != 0
    assert "Unauthenticated" in refused.stderr
    header = ("-plaintext", "-H", f"authorization: Bearer {TOKEN}")
    assert SERVICE in run_grpcurl(server.address, "list", options=header).stdout.split()


def test_tokens_change_without_a_restart(
    start: Start[SecureServer], tmp_path: Path, token_file: Path
) -> None:
    server = start(SecureServer(tmp_path, token_file=token_file))

    def knows(client: Client) -> bool:
        try:
            return client.sum_squares(3, 4) == 25
        except Unauthenticated:
            return False

    with Client(server.target, token=TOKEN) as old, Client(server.target, token=OTHER_TOKEN) as new:
        assert (knows(old), knows(new)) == (True, False)
        replace_text(token_file, f"{TOKEN}\n{OTHER_TOKEN}\n")
        wait_for(lambda: knows(new), "the new token is known")
        assert knows(old)
        replace_text(token_file, f"{OTHER_TOKEN}\n")
        wait_for(lambda: not knows(old), "the old token is forgotten")
        assert knows(new)
        # Nobody is let in by a mistake, and nobody locked out.
        replace_text(token_file, "# none\n")
        wait_for(lambda: KEPT in server.log, "it is logged")
        assert (knows(old), knows(new)) == (False, True)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (None, "No such file"),
        ("", "no token"),
        ("# none\n", "no token"),
        ("short\n", "at least 16"),
    ],
)
def test_the_server_refuses_to_start_without_sound_tokens(
    tmp_path: Path, text: str | None, fault: str
) -> None:
    path = tmp_path / "tokens"
    if text is not None:
        path.write_text(text)
    ran = run_server("--uds", str(tmp_path / "x.sock"), "--token-file", str(path))
    assert ran.returncode == UNAVAILABLE
    (message,) = ran.stderr.splitlines()
    assert str(path) in message
    assert fault in message
    assert not (tmp_path / "x.sock").exists()


@pytest.mark.parametrize("broken", ["cert", "key", "ca"])
def test_the_server_refuses_to_start_with_a_file_that_is_no_pem(
    tmp_path: Path, authority: Authority, broken: str
) -> None:
    identity = authority.issue("server")
    path = {"cert": identity.cert, "key": identity.key, "ca": authority.file}[broken]
    path.write_text("no PEM\n")
    ran = run_server(
        *("--listen", "127.0.0.1:0", "--tls-ca", str(authority.file)),
        *("--tls-cert", str(identity.cert), "--tls-key", str(identity.key)),
    )
    assert ran.returncode == UNAVAILABLE
    (message,) = ran.stderr.splitlines()
    assert str(path) in message


# === Who may reach it at all ===


def test_only_processes_of_the_users_reach_the_socket(start: Start[Server], tmp_path: Path) -> None:
    own = os.geteuid()
    server = start(Server(tmp_path, "--uds-users", str(own + 1)))
    with Client(server.unix_target, connect_timeout=0.5) as client:
        with pytest.raises(ConnectionFailed):
            client.sum_squares(3, 4)
    assert '"user":' in server.log
    # The option is about the socket only.
    with Client(server.target) as client:
        assert client.sum_squares(3, 4) == 25
    server = start(Server(tmp_path, "--uds-users", f"{own + 1}, {own}"))
    with Client(server.unix_target) as client:
        assert client.sum_squares(3, 4) == 25


def test_a_network_address_needs_tls(
    start: Start[SecureServer], tmp_path: Path, authority: Authority
) -> None:
    refused = run_server("--listen", "0.0.0.0:0")
    assert refused.returncode == USAGE
    assert "--tls-cert" in refused.stderr
    identity = authority.issue("server")
    server = SecureServer(tmp_path, identity=identity)
    # The last one counts. Who asks without encryption is refused, whatever the address.
    server.command += ["--listen", f"0.0.0.0:{server.port}"]
    start(server)
    assert authority.serial(server.port)


def test_reflection_can_be_switched_off(start: Start[Server], tmp_path: Path) -> None:
    server = start(Server(tmp_path, "--reflection=false"))
    listed = run_grpcurl(server.address, "list")
    assert listed.returncode != 0
    assert "does not support the reflection API" in listed.stderr
    proto = ("-import-path", str(ROOT / "proto"), "-proto", "offgil/v1/compute.proto")
    method = f"{SERVICE}/SumSquares"
    ran = run_grpcurl(server.address, method, data='{"a":3,"b":4}', options=("-plaintext", *proto))
    assert ran.returncode == 0, ran.stderr
    assert '"25"' in ran.stdout


def test_no_secret_is_logged(
    start: Start[SecureServer], tmp_path: Path, authority: Authority, token_file: Path
) -> None:
    identity = authority.issue("server")
    server = SecureServer(tmp_path, "--log", "trace", identity=identity, token_file=token_file)
    start(server)
    with Client(server.target, tls=authority.tls(), token=TOKEN) as client:
        assert client.sum_squares(3, 4) == 25
    with Client(server.target, tls=authority.tls(), token=OTHER_TOKEN) as client:
        with pytest.raises(Unauthenticated):
            client.sum_squares(3, 4)
    replace_text(token_file, f"{OTHER_TOKEN} and more\n")
    wait_for(lambda: KEPT in server.log, "what is wrong with the tokens is logged")
    assert '"level":"TRACE"' in server.log
    secrets = [TOKEN, OTHER_TOKEN, identity.key.read_text().splitlines()[1]]
    assert [secret for secret in secrets if secret in server.log] == []
