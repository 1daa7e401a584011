"""Certificates for a sandbox that speaks TLS: a good one, and one for each way of being bad."""

from __future__ import annotations

import ipaddress
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Authority:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


class Certificates:
    """ca_pem: the authority a client should trust."""

    def __init__(self, host: str) -> None:
        self._host = host
        trusted, unknown = _authority("Sandbox authority"), _authority("Nobody's authority")
        self.ca_pem = trusted.certificate.public_bytes(serialization.Encoding.PEM).decode()
        now = datetime.now(UTC)
        good = (now - _DAY, now + 365 * _DAY)
        self._contexts = {
            "": _context(trusted, self._names(host), good),
            "wrong_name": _context(trusted, [x509.DNSName("elsewhere.invalid")], good),
            "expired": _context(trusted, self._names(host), (now - 2 * _DAY, now - _DAY)),
            "untrusted": _context(unknown, self._names(host), good),
        }

    def context(self, flaw: Callable[[], str]) -> ssl.SSLContext:
        """What the server listens with. flaw is asked at each handshake: "" or one of the flaws."""
        context = self._contexts[""]

        # The callback comes with every handshake, with or without a server name.
        def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
            connection.context = self._contexts[flaw()]

        context.sni_callback = choose
        return context

    def _names(self, host: str) -> list[x509.GeneralName]:
        return [x509.IPAddress(ipaddress.ip_address(host)), x509.DNSName("localhost")]


def _authority(name: str) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    title = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(title)
        .issuer_name(title)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 3 * _DAY)
        .not_valid_after(now + 365 * _DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _Authority(key, certificate)


def _context(
    authority: _Authority, names: list[x509.GeneralName] | list[x509.DNSName], valid: tuple[datetime, datetime]
) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox")]))
        .issuer_name(authority.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
        .sign(authority.key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "server.pem"
        file.touch(mode=0o600)
        file.write_bytes(pem)
        context.load_cert_chain(file)
    return context
