"""Certificates and tokens of a client: files that are read late, and secrets that nobody sees."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from offgil import AsyncClient, Client, ConfigurationError, TLSConfig
from offgil._config import Settings
from offgil._credentials import read_token
from offgil._options import ClientOptions, channel_arguments

SECRET = "nobody-may-see-this"
TARGET = "dns:///compute:50051"


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    path = tmp_path / "x.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\n")
    return path


# === TLSConfig ===


def test_a_certificate_and_its_key_come_together(pem: Path) -> None:
    for half in ({"cert": pem, "key": None}, {"cert": None, "key": pem}):
        with pytest.raises(ValueError, match="a certificate needs its key"):
            TLSConfig(cert=half["cert"], key=half["key"])


def test_the_files_are_read_when_a_channel_is_opened(tmp_path: Path) -> None:
    tls = TLSConfig(ca=tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match="missing"):
        tls.channel_credentials()
    (tmp_path / "missing").write_text("authorities")
    assert tls.channel_credentials() is not None


def test_a_client_without_files_trusts_what_grpc_brings_along() -> None:
    assert TLSConfig().channel_credentials() is not None
    assert TLSConfig().channel_arguments() == []


def test_the_name_of_the_server_is_an_argument_of_the_channel() -> None:
    tls = TLSConfig(server_name="compute.example")
    expected = ("grpc.ssl_target_name_override", "compute.example")
    assert expected in channel_arguments(TARGET, ClientOptions(tls=tls), 1000)
    unix = channel_arguments("unix:///run/o.sock", ClientOptions(tls=tls), 1000)
    assert expected not in unix


@pytest.mark.parametrize(
    ("target", "encrypted"),
    [
        (TARGET, True),
        ("compute:50051", True),
        ("ipv4:1.2.3.4:5", True),
        ("unix:///run/o.sock", False),
        ("unix-abstract:offgil", False),
    ],
)
def test_unix_sockets_are_not_encrypted(target: str, encrypted: bool) -> None:
    tls = TLSConfig()
    assert ClientOptions(tls=tls).tls_to(target) == (tls if encrypted else None)


# === Tokens ===


@pytest.mark.parametrize(
    "text", ["token", "token\n", "\n# ours\n\n  token  \nsecond\n", "# x\r\ntoken\r\n"]
)
def test_reads_the_first_token_as_the_server_does(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokens"
    path.write_text(text)
    assert read_token(path) == "token"


@pytest.mark.parametrize("text", ["", "\n\n", "# token\n  # another\n"])
def test_a_file_without_a_token_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokens"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"'{path}' holds no token"):
        read_token(path)


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "missing"
    with pytest.raises(ValueError, match=f"'{path}' cannot be read: No such file"):
        read_token(path)
    with pytest.raises(ValueError, match=f"'{tmp_path}' cannot be read: Is a directory"):
        read_token(tmp_path)


def test_a_file_that_is_no_text_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=f"'{path}' is no text"):
        read_token(path)


@pytest.mark.parametrize("wrong", ["ends-with-a-newline\n", "tökén", "zero\x00", "a space", ""])
def test_a_token_that_no_header_can_carry_is_refused_without_showing_it(wrong: str) -> None:
    with pytest.raises(ValueError, match="the token must be") as refused:
        ClientOptions(token=wrong)
    assert not wrong or wrong not in str(refused.value)


def test_the_token_is_sent_with_the_metadata() -> None:
    own = (("x-request-id", "1"),)
    assert ClientOptions(metadata=own).sent_metadata == own
    assert ClientOptions().sent_metadata is None
    sent = (("authorization", f"Bearer {SECRET}"),)
    assert ClientOptions(token=SECRET).sent_metadata == sent
    assert ClientOptions(token=SECRET, metadata=own).sent_metadata == own + sent


# === Settings ===


def test_reads_the_credentials_from_the_files_that_the_variables_name(
    tmp_path: Path, pem: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{SECRET}\n")
    names = ("CA", "CERT", "KEY")
    variables = {f"OFFGIL_TLS_{name}": str(pem) for name in names}
    settings = Settings.from_environ({**variables, "OFFGIL_TOKEN_FILE": str(tokens)})
    assert settings.tls == TLSConfig(ca=pem, cert=pem, key=pem)
    assert settings.token == SECRET
    assert Settings.from_environ({"OFFGIL_TLS_CA": str(pem)}).tls == TLSConfig(ca=pem)
    assert Settings.from_environ({}).tls is None


def test_reports_all_faults_of_credentials_together(tmp_path: Path) -> None:
    variables = {
        "OFFGIL_TARGET": "nowhere",
        "OFFGIL_TLS_CA": "/nowhere/ca",
        "OFFGIL_TLS_CERT": "/nowhere/cert",
        "OFFGIL_TLS_KEY": "/nowhere/key",
        "OFFGIL_TOKEN_FILE": str(tmp_path),
    }
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ(variables)
    assert [fault.partition(":")[0] for fault in caught.value.faults] == list(variables)


@pytest.mark.parametrize("given", ["CERT", "KEY"])
def test_reports_half_of_a_certificate_once(pem: Path, given: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ({f"OFFGIL_TLS_{given}": str(pem), "OFFGIL_TARGET": "nowhere"})
    target, tls = caught.value.faults
    assert target.startswith("OFFGIL_TARGET: ")
    assert tls.startswith("OFFGIL_TLS_CERT, OFFGIL_TLS_KEY: ")


def test_the_credentials_of_the_environment_are_for_its_own_target(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(SECRET)
    monkeypatch.setenv("OFFGIL_TOKEN_FILE", str(tokens))
    monkeypatch.setenv("OFFGIL_TARGET", TARGET)
    assert AsyncClient()._options.token == SECRET
    assert AsyncClient(token="another")._options.token == "another"
    # A token is for the server that it was made for.
    assert AsyncClient("another:50051")._options.token is None


# === Secrets ===


def test_no_representation_shows_the_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = Client(TARGET, token=SECRET)
    options = ClientOptions(token=SECRET)
    derived = client.with_options(timeout=1.0)
    shown = [
        *(repr(x) for x in (client, derived, derived._options, options, Settings(token=SECRET))),
        *(str(x) for x in (client, options)),
        *(f"{x!r}" for x in vars(client).values()),
        caplog.text,
    ]
    client.close()
    assert [text for text in shown if SECRET in text] == []
