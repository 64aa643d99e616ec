"""Whom TLS trusts: the certificates of this machine, wherever it keeps them.

Loaded only for https. Guards that macOS and Windows count with their own stores too, and that a
Python whose built-in paths lead nowhere finds the bundle of the distribution.
"""

import ssl
import sys
from pathlib import Path

import truststore

_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def system_context() -> ssl.SSLContext:
    """Return a context for clients that trusts what the system trusts."""
    if sys.platform in ("darwin", "win32"):
        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.create_default_context()
    known = ssl.get_default_verify_paths()
    if not (known.cafile or known.capath):
        bundle = next((path for path in _BUNDLES if Path(path).is_file()), None)
        if bundle is not None:
            context.load_verify_locations(bundle)
    return context
