from __future__ import annotations

import socket

import pytest

from migrator.engine.addresses import (
    AddressRule,
    check_bucket_name,
    check_endpoint_url,
    check_prefix,
    dialable,
    same_place,
)
from migrator.engine.errors import AddressProblem, EndpointBlocked, NameNotFound

CLOSED = AddressRule()
OPEN = AddressRule(allow_private=True)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://s3.example.com", "https://s3.example.com"),
        (" HTTPS://S3.Example.COM/ ", "https://s3.example.com"),
        ("https://s3.example.com:443", "https://s3.example.com"),
        ("http://192.0.2.10:9000", "http://192.0.2.10:9000"),
        ("https://[2001:db8::1]:9000", "https://[2001:db8::1]:9000"),
    ],
)
def test_an_endpoint_is_kept_in_one_form(url: str, kept: str) -> None:
    assert check_endpoint_url(url, OPEN) == kept


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3.example.com",
        "ftp://s3.example.com",
        "file:///etc/passwd",
        "https://",
        "https://user:word@s3.example.com",
        "https://s3.example.com/bucket",
        "https://s3.example.com/?list",
        "https://s3.example.com#top",
        "https://s3.example.com:99999",
        "https://s3.example.com:0",
        "https://s3 .example.com",
        "https://s3.example.com\\@evil",
        "https://exa$mple.com",
    ],
)
def test_what_is_no_endpoint_is_refused_at_its_field(url: str) -> None:
    with pytest.raises(AddressProblem) as refused:
        check_endpoint_url(url, OPEN)

    assert refused.value.field == "endpoint_url"
    assert refused.value.sentence.endswith(".")


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "169.254.1.1",
        "[fe80::1]",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::169.254.169.254]",
        "[fd00:ec2::254]",
        "100.100.100.200",
        "168.63.129.16",
        "metadata.google.internal",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "2852039166",
        "0xa9fea9fe",
        "169.254.43518",
        "0251.0376.0251.0376",
    ],
)
def test_metadata_addresses_are_refused_in_every_form_even_where_private_ones_are_allowed(host: str) -> None:
    with pytest.raises(AddressProblem):
        check_endpoint_url(f"http://{host}", OPEN)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "s3.localhost",
        "10.1.2.3",
        "192.168.0.1",
        "172.16.0.1",
        "100.64.0.1",
        "[::1]",
        "[fd12::1]",
    ],
)
def test_private_addresses_need_the_rule(host: str) -> None:
    assert check_endpoint_url(f"http://{host}:9000", OPEN)

    with pytest.raises(AddressProblem) as refused:
        check_endpoint_url(f"http://{host}:9000", CLOSED)

    assert "An admin can add it" in refused.value.sentence


def test_a_network_on_the_list_is_allowed_and_its_neighbour_is_not() -> None:
    rule = AddressRule(allowed=("10.0.0.0/8",))

    assert check_endpoint_url("http://10.1.2.3", rule)
    with pytest.raises(AddressProblem):
        check_endpoint_url("http://192.168.0.1", rule)


def test_a_link_local_network_on_the_list_is_refused_all_the_same() -> None:
    with pytest.raises(AddressProblem):
        check_endpoint_url("http://169.254.169.254", AddressRule(True, ("169.254.0.0/16", "169.254.169.254")))


@pytest.mark.parametrize("name", ["abc", "my-bucket", "a.b-c.9", "b" * 63])
def test_bucket_names_are_taken(name: str) -> None:
    assert check_bucket_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "b" * 64,
        "Upper",
        "under_score",
        "-a-b",
        "a-b-",
        "a..b",
        "a.-b",
        "192.0.2.1",
        "arn:aws:s3:us-east-1:123456789012:accesspoint/x",
        "s3://bucket",
        "bucket/folder",
        "bucket\nname",
        "b\u00fccket",
    ],
)
def test_what_is_no_bucket_name_is_refused_at_its_field(name: str) -> None:
    with pytest.raises(AddressProblem) as refused:
        check_bucket_name(name, "source.bucket")

    assert refused.value.field == "source.bucket"


@pytest.mark.parametrize("prefix", ["", "photos/", " blank ", "caf\u00e9/", "a" * 1024])
def test_a_prefix_is_kept_as_it_is(prefix: str) -> None:
    assert check_prefix(prefix) == prefix


@pytest.mark.parametrize("prefix", ["a" * 1025, "\ud800", "a\x00b", "s3://bucket/photos"])
def test_what_is_no_prefix_is_refused(prefix: str) -> None:
    with pytest.raises(AddressProblem):
        check_prefix(prefix)


@pytest.mark.parametrize(
    ("destination", "same"),
    [
        (("https://s3.example.com", "bucket", "a/"), True),
        (("https://S3.example.com:443/", "bucket", "a/b/"), True),
        (("https://s3.example.com", "bucket", ""), True),
        (("https://s3.example.com", "bucket", "b/"), False),
        (("https://s3.example.com", "other", "a/"), False),
        (("https://s3.example.org", "bucket", "a/"), False),
    ],
)
def test_one_place_inside_the_other_is_the_same_place(destination: tuple[str, str, str], same: bool) -> None:
    assert same_place(("https://s3.example.com", "bucket", "a/"), destination) is same


def test_an_unknown_name_is_not_found() -> None:
    with pytest.raises(NameNotFound) as problem:
        dialable("no-such-host.invalid", 443, OPEN)

    assert "no-such-host.invalid" in problem.value.advice


def test_a_name_is_judged_by_the_addresses_it_resolves_to(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("192.0.43.8", "169.254.169.254")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)

    with pytest.raises(EndpointBlocked):
        dialable("rebound.example.com", 443, OPEN)


def test_loopback_resolves_only_where_it_is_allowed() -> None:
    assert "127.0.0.1" in dialable("127.0.0.1", 80, OPEN)

    with pytest.raises(EndpointBlocked):
        dialable("127.0.0.1", 80, CLOSED)
