"""TLS without a proxy: a modern context, and a certificate that can be renewed while the service runs."""

import ssl
from datetime import datetime
from pathlib import Path

from cryptography import x509

# Forward secrecy and authenticated encryption only (RFC 9325), as TLS 1.3 always has.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class BadCertificate(Exception):
    """The certificate or its key cannot be used; the message names the fault."""


class ServerTls:
    """The context to listen with. Each handshake uses the newest certificate; existing connections keep theirs."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Read both files. Raises `BadCertificate`."""
        self._paths = certificate, key
        self._newest, self.expires = _read(*self._paths)
        self.context, _ = _read(*self._paths)
        self.context.sni_callback = self._take_newest

    def reload(self) -> None:
        """Read the files again. Raises `BadCertificate`, and then keeps the current certificate."""
        self._newest, self.expires = _read(*self._paths)

    def _take_newest(self, handshake: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        handshake.context = self._newest


def _read(certificate: Path, key: Path) -> tuple[ssl.SSLContext, datetime]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=_refuse_to_ask)
        expires = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
    except OSError as error:  # ssl.SSLError is one
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise BadCertificate(f"TLS_CERT and TLS_KEY cannot be used: {reason or 'they are not PEM'}") from None
    except ValueError as error:
        raise BadCertificate(f"TLS_CERT and TLS_KEY cannot be used: {error}") from None
    return context, expires


def _refuse_to_ask() -> str:
    # Without this, OpenSSL would ask on the terminal for the passphrase, and the service would hang.
    raise ValueError("the key is encrypted with a passphrase")
