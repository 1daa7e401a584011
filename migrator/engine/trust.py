"""Which certificate authorities are trusted where a connection names none of its own."""

from __future__ import annotations

import ssl
from functools import cache
from pathlib import Path
from typing import NamedTuple

from botocore.httpsession import get_cert_path

# How OpenSSL names an authority in a folder: by the hash of its name.
_AUTHORITY = "[0-9a-f]" * 8 + ".[0-9]"


class Trust(NamedTuple):
    """Where the certificate authorities stand that are trusted: in one file, or in a folder by their hashes."""

    file: str | None
    folder: str | None = None


@cache
def system_trust() -> Trust:
    """Return what this system trusts; botocore's own file where it has none.

    Never both: with a folder libcurl reads the file anew for each connection.
    """
    found = ssl.get_default_verify_paths()
    if found.cafile:
        return Trust(found.cafile)
    if found.capath and any(Path(found.capath).glob(_AUTHORITY)):
        return Trust(None, found.capath)
    return Trust(str(get_cert_path(True)))


def tls_context(ca_pem: str) -> ssl.SSLContext:
    """Return a TLS context that trusts what the transport trusts."""
    if ca_pem:
        return ssl.create_default_context(cadata=ca_pem)
    trust = system_trust()
    return ssl.create_default_context(cafile=trust.file, capath=trust.folder)
