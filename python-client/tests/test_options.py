"""The arguments of a channel hold what the contract and the field's experience ask for."""

from __future__ import annotations

import json

import pytest

from offgil._options import ClientOptions, channel_arguments


def arguments(target: str) -> dict[str, int | str]:
    return dict(channel_arguments(target, ClientOptions(connect_timeout=1.5), 1000))


def test_finds_new_replicas_and_dead_peers() -> None:
    given = arguments("dns:///compute:50051")
    config = json.loads(str(given["grpc.service_config"]))
    assert config == {"loadBalancingConfig": [{"round_robin": {}}]}
    assert given["grpc.dns_min_time_between_resolutions_ms"] == 5_000
    assert given["grpc.keepalive_time_ms"] == 30_000
    assert given["grpc.keepalive_timeout_ms"] == 10_000
    assert given["grpc.max_reconnect_backoff_ms"] == 1_000
    assert given["grpc.enable_retries"] == 0
    assert given["grpc.use_local_subchannel_pool"] == 1


def test_connecting_and_resolving_end_with_the_connect_timeout() -> None:
    given = arguments("dns:///compute:50051")
    assert given["grpc.min_reconnect_backoff_ms"] == 1500
    assert given["grpc.dns_ares_query_timeout"] == 1500


def test_messages_have_the_limit_both_ways() -> None:
    given = arguments("dns:///compute:50051")
    assert given["grpc.max_send_message_length"] == 1000
    assert given["grpc.max_receive_message_length"] == 1000


@pytest.mark.parametrize(
    ("target", "authority"),
    [
        ("unix:///run/o.sock", "localhost"),
        ("unix-abstract:offgil", "localhost"),
        ("ipv4:1.2.3.4:5,1.2.3.5:5", "localhost"),
        ("ipv6:[::1]:5", "localhost"),
        ("dns:///compute:50051", None),
        ("compute:50051", None),
    ],
)
def test_only_a_host_name_is_an_authority(target: str, authority: str | None) -> None:
    assert arguments(target).get("grpc.default_authority") == authority
