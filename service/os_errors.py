"""Errors of the operating system, of name resolution and of TLS, in words for an operator."""

import os
import socket
import ssl


def explain(error: BaseException) -> str:
    """Return why a connection or a file operation failed; the text contains nothing that was sent.

    aiohttp keeps the cause in `os_error` or `certificate_error`.
    """
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    return _of_tls(cause) if isinstance(cause, ssl.SSLError) else _of_system(cause)


def _of_tls(cause: ssl.SSLError) -> str:
    if isinstance(cause, ssl.SSLCertVerificationError):
        reason = getattr(cause, "verify_message", "")  # only set by OpenSSL's handshake
        return "its TLS certificate is not accepted" + (f": {reason}" if reason else "")
    return f"TLS failed: {(cause.reason or 'the connection ended').lower().replace('_', ' ')}"


def _of_system(cause: BaseException) -> str:
    if isinstance(cause, TimeoutError):
        return "it did not answer in time"
    if isinstance(cause, socket.gaierror):
        return f"the host name can't be resolved ({cause.strerror})"
    if isinstance(cause, OSError) and cause.errno:
        return os.strerror(cause.errno)
    if "rejected SSL upgrade" in str(cause):  # asyncpg's message for a PostgreSQL without TLS
        return "the server has no TLS; set sslmode=prefer in the URL, or ssl = on at the server"
    return "the connection can't be made" if isinstance(cause, ConnectionError) else "the connection broke"
