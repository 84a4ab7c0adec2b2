"""Asks the service in this container whether it is alive; the exit code is the answer."""

import http.client
import os
import ssl
import sys


def lives(port: int, *, tls: bool) -> bool:
    """Return whether `GET /healthz` on loopback answers 200 within three seconds."""
    if tls:
        # The certificate names the public host and not loopback; nothing secret is sent.
        context = ssl._create_unverified_context()  # noqa: S323, SLF001
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=3, context=context
        )
    else:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not lives(int(os.environ.get("PORT") or 8082), tls=bool(os.environ.get("TLS_CERT"))))
