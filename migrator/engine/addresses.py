"""Which endpoints, buckets and prefixes we take, and which network addresses may be dialled.

Nothing here talks to S3. Names are resolved by `dialable`, which the stores call for each new connection:
what counts is the address that is dialled, not the one that was seen when the form was filled in.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import NamedTuple
from urllib.parse import urlsplit

from migrator.engine.errors import AddressProblem, EndpointBlocked, NameNotFound

IP = ipaddress.IPv4Address | ipaddress.IPv6Address

LONGEST_KEY = 1024
_HOST_NAME = re.compile(r"(?=.{1,253}\.?\Z)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.?)+", re.ASCII)
_NUMBER_LIKE = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*\.?", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)

_NEVER_HOSTS = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "169.254.0.0/16",  # link-local; the metadata services of most clouds
        "100.100.100.200/32",  # Alibaba Cloud metadata
        "168.63.129.16/32",  # Azure's host agent
        "192.0.0.192/32",  # Oracle Cloud metadata
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/128",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8",
        "fd00:ec2::/32",  # AWS metadata over IPv6
        "fd20:ce::/32",  # Google Cloud metadata over IPv6
    )
)
_CARRIER = ipaddress.ip_network("100.64.0.0/10")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class AddressRule:
    """What this installation allows beyond public addresses: hosts (`s3.lan`) or networks (`10.0.0.0/8`)."""

    allow_private: bool = False
    allowed: tuple[str, ...] = ()


def check_endpoint_url(url: str, rule: AddressRule) -> str:
    """Return the endpoint as `scheme://host[:port]`; raise `AddressProblem` at field `endpoint_url`.

    The host is not resolved here, only refused where its written form already shows what it is.
    """
    text = url.strip()
    if not text:
        raise _endpoint_problem("Enter the address of the storage service, such as https://s3.example.com.")
    if any(ord(sign) <= 32 or ord(sign) == 127 or sign == "\\" for sign in text):
        raise _endpoint_problem("The address holds a blank or a sign that no address has. Type it again.")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise _endpoint_problem("This is not an address. It looks like https://s3.example.com:9000.") from None
    if parts.scheme.lower() not in {"http", "https"}:
        raise _endpoint_problem("The address must begin with https:// or http://.")
    if "@" in parts.netloc:
        raise _endpoint_problem(
            "Leave user and password out of the address. The keys have fields of their own, where they are sealed."
        )
    if parts.path not in {"", "/"}:
        raise _endpoint_problem(
            "The address ends after the host and the port. Enter bucket and prefix with the task, not here."
        )
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise _endpoint_problem("The address ends after the host and the port. Remove what begins with ? or #.")
    if port == 0:
        raise _endpoint_problem("The port is a number from 1 to 65535.")
    host = _checked_host(parts.hostname or "", rule)
    shown = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}[parts.scheme.lower()]
    return f"{parts.scheme.lower()}://{shown}" + (f":{port}" if port and port != default else "")


def check_bucket_name(name: str, field: str = "bucket") -> str:
    """Return the bucket name; raise `AddressProblem` at `field`. An ARN redirects the client: refused."""
    text = name.strip()
    if not text:
        raise AddressProblem(field, "Enter the name of the bucket.")
    if text.lower().startswith(("arn:", "s3://")) or "/" in text:
        raise AddressProblem(
            field,
            "Enter the name of the bucket only, without arn:, s3:// or a folder. A folder goes into the prefix.",
        )
    if not _BUCKET.fullmatch(text):
        raise AddressProblem(
            field,
            "A bucket name has 3 to 63 small letters, digits, dots and hyphens, and no dot or hyphen at its ends.",
        )
    if ".." in text or ".-" in text or "-." in text:
        raise AddressProblem(field, "A bucket name has no two dots in a row, and no dot beside a hyphen.")
    if _as_ip(text) is not None:
        raise AddressProblem(field, "A bucket name is not written like a network address.")
    return text


def check_prefix(prefix: str, field: str = "prefix") -> str:
    """Return the prefix unchanged (blanks count in keys); raise `AddressProblem` at `field`."""
    try:
        size = len(prefix.encode())
    except UnicodeEncodeError:
        raise AddressProblem(field, "The prefix holds a sign that cannot be part of a key.") from None
    if "\x00" in prefix:
        raise AddressProblem(field, "The prefix holds a sign that cannot be part of a key.")
    if size > LONGEST_KEY:
        raise AddressProblem(field, f"The prefix is {size:,} bytes long; a key has at most {LONGEST_KEY:,}.")
    if prefix.lower().startswith(("s3://", "arn:")):
        raise AddressProblem(field, "Enter only the beginning of the keys, such as photos/2019/.")
    return prefix


class Place(NamedTuple):
    """One end of a task: where and what."""

    endpoint_url: str
    bucket: str
    prefix: str = ""


def same_place(source: tuple[str, str, str], destination: tuple[str, str, str]) -> bool:
    """Say whether one prefix lies inside the other in the same bucket at the same endpoint (see `Place`)."""
    source_url, source_bucket, source_prefix = source
    dest_url, dest_bucket, dest_prefix = destination
    if source_bucket != dest_bucket or _host_key(source_url) != _host_key(dest_url):
        return False
    return source_prefix.startswith(dest_prefix) or dest_prefix.startswith(source_prefix)


def dialable(host: str, port: int, rule: AddressRule, seconds: float = 10) -> tuple[str, ...]:
    """Resolve `host`, within so many seconds, and return the addresses to dial, in the resolver's order.

    Raise `NameNotFound`, or `EndpointBlocked` if any of its addresses is not allowed: a name that points to
    both a public address and a forbidden one is not to be trusted with either.
    """
    bare = host.strip("[]").rstrip(".").lower()
    if bare in _NEVER_HOSTS:
        raise EndpointBlocked(facts={"host": host})
    try:
        addresses = _addresses_of(bare, port, seconds)
    except (OSError, UnicodeError) as exc:
        raise NameNotFound(facts={"host": host}) from exc
    if not addresses:
        raise NameNotFound(facts={"host": host})
    for address in addresses:
        if not _may_dial(ipaddress.ip_address(address.partition("%")[0]), bare, rule):
            raise EndpointBlocked(facts={"host": host})
    return addresses


def _addresses_of(host: str, port: int, seconds: float) -> tuple[str, ...]:
    """Ask the system's resolver, which itself takes as long as it likes. Raises what it does, or `TimeoutError`."""
    answered: SimpleQueue[tuple[str, ...] | Exception] = SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as exc:
            answered.put(exc)
        else:
            answered.put(tuple(dict.fromkeys(str(entry[4][0]) for entry in found)))

    # Nobody can stop it; who is not waited for ends by itself, and holds up no process that ends.
    threading.Thread(target=ask, name="resolving", daemon=True).start()
    try:
        said = answered.get(timeout=seconds)
    except Empty:
        raise TimeoutError(f"no answer within {seconds:g} s") from None
    if isinstance(said, Exception):
        raise said
    return said


def _endpoint_problem(sentence: str) -> AddressProblem:
    return AddressProblem("endpoint_url", sentence)


def _checked_host(host: str, rule: AddressRule) -> str:
    text = host.rstrip(".").lower()
    if not text:
        raise _endpoint_problem("The address names no host. It looks like https://s3.example.com.")
    if text in _NEVER_HOSTS:
        raise _endpoint_problem(_never_allowed(host))
    address = _as_ip(text)
    if address is None and _NUMBER_LIKE.fullmatch(text):
        raise _endpoint_problem("Write a network address with four numbers from 0 to 255, such as 192.0.2.10.")
    if address is not None and _is_never(address):
        raise _endpoint_problem(_never_allowed(host))
    if address is not None and not _may_dial(address, text, rule):
        raise _endpoint_problem(_not_allowed(host))
    if (text == "localhost" or text.endswith(".localhost")) and not _private_allowed(text, rule):
        raise _endpoint_problem(_not_allowed(host))
    if address is None and not _HOST_NAME.fullmatch(text):
        raise _endpoint_problem("The host of the address holds a sign that host names do not have.")
    return text


def _private_allowed(host: str, rule: AddressRule) -> bool:
    return rule.allow_private or host in _lowered(rule.allowed)


def _never_allowed(host: str) -> str:
    return f"{host} is an address for machines to ask about themselves, never a storage service. Enter another one."


def _not_allowed(host: str) -> str:
    return EndpointBlocked(facts={"host": host}).advice


def _as_ip(text: str) -> IP | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _is_never(address: IP) -> bool:
    inner = _unwrapped(address)
    return any(inner.version == network.version and inner in network for network in _NEVER)


def _may_dial(address: IP, host: str, rule: AddressRule) -> bool:
    inner = _unwrapped(address)
    if _is_never(address):
        return False
    if inner.is_global and not (inner.version == 4 and inner in _CARRIER):
        return True
    if rule.allow_private:
        return True
    return host in _lowered(rule.allowed) or _in_networks(inner, rule.allowed)


def _unwrapped(address: IP) -> IP:
    """Return the IPv4 address that an IPv6 one stands for, if it does: mapped, 6to4, NAT64, Teredo."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or (int(address) >> 32 == 0 and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _in_networks(address: IP, allowed: tuple[str, ...]) -> bool:
    for entry in allowed:
        try:
            network = ipaddress.ip_network(entry.strip(), strict=False)
        except ValueError:
            continue
        if network.version == address.version and address in network:
            return True
    return False


def _lowered(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(name.strip().rstrip(".").lower() for name in names)


def _host_key(url: str) -> tuple[str, int]:
    parts = urlsplit(url.strip().lower())
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = (parts.hostname or "").rstrip(".")
    address = _as_ip("127.0.0.1" if host == "localhost" else host)
    return (str(_unwrapped(address)) if address is not None else host, port)
