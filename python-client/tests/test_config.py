"""Settings come from the environment, with all faults at once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from offgil import AsyncClient, ConfigurationError
from offgil._config import Settings, check_target


def test_defaults_are_for_a_laptop() -> None:
    assert Settings.from_environ({}) == Settings(None, 30.0, 2.0, None)


def test_reads_every_variable() -> None:
    settings = Settings.from_environ(
        {
            "OFFGIL_TARGET": "dns:///compute:50051",
            "OFFGIL_TIMEOUT": "5",
            "OFFGIL_CONNECT_TIMEOUT": "0.5s",
            "OFFGIL_SERVER_BIN": sys.executable,
        }
    )
    assert settings == Settings("dns:///compute:50051", 5.0, 0.5, Path(sys.executable))


def test_an_empty_variable_is_not_set() -> None:
    assert Settings.from_environ({"OFFGIL_TARGET": "", "OFFGIL_TIMEOUT": ""}) == Settings()


def test_reports_all_faults_together(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ(
            {
                "OFFGIL_TARGET": "nowhere",
                "OFFGIL_TIMEOUT": "soon",
                "OFFGIL_CONNECT_TIMEOUT": "-1",
                "OFFGIL_SERVER_BIN": str(plain),
            }
        )
    names = [fault.partition(":")[0] for fault in caught.value.faults]
    assert names == [
        "OFFGIL_TARGET",
        "OFFGIL_TIMEOUT",
        "OFFGIL_CONNECT_TIMEOUT",
        "OFFGIL_SERVER_BIN",
    ]
    assert str(caught.value).count("\n") == 3


@pytest.mark.parametrize(
    "target",
    ["unix:///run/o.sock", "unix:o.sock", "dns:///h:1", "dns:h", "ipv4:1.2.3.4:5", "h:50051"],
)
def test_accepts_grpc_addresses(target: str) -> None:
    assert check_target(target) == target


@pytest.mark.parametrize("target", ["", "host", "http://h:1", "unix:", "dns:///", "h:99999", "h:x"])
def test_refuses_what_is_no_grpc_address(target: str) -> None:
    with pytest.raises(ValueError, match="no gRPC address"):
        check_target(target)


def test_a_client_finds_its_target_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert AsyncClient().target == "dns:///127.0.0.1:50051"
    monkeypatch.setenv("OFFGIL_TARGET", "unix:///run/o.sock")
    assert AsyncClient().target == "unix:///run/o.sock"
    assert AsyncClient("h:1").target == "h:1"
