"""TLS: modern versions only, and a certificate that is renewed while the service runs."""

import asyncio
import datetime as dt
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

from service.app import make_parts, reload, server_tls
from service.settings import BadSettings
from service.store.database import Database
from service.web.parts import Parts
from service.web.tls import BadCertificate, ServerTls
from tests.security.serving import serving
from tests.service_fixtures import settings_of

Write = Callable[..., tuple[Path, Path]]


def make_pair(serial: int, *, passphrase: bytes | None = None) -> tuple[bytes, bytes]:
    """Return a self-signed certificate for localhost and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), serial)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=serial))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encryption = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return certificate.public_bytes(pem), key.private_bytes(pem, pkcs8, encryption)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def put(serial: int, **more: bytes) -> tuple[Path, Path]:
        paths = tmp_path / "cert.pem", tmp_path / "key.pem"
        for path, content in zip(paths, make_pair(serial, **more), strict=True):
            path.write_bytes(content)
        return paths

    return put


async def serial_of(url: URL) -> int:
    """Return the serial number of the certificate that a new connection is shown."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(url.host, url.port, ssl=context)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(shown).serial_number


async def test_a_new_certificate_is_shown_after_a_reload_and_a_faulty_one_never(parts: Parts, write: Write) -> None:
    tls = ServerTls(*write(11))
    async with serving(parts, tls) as url:
        assert url.scheme == "https"
        assert await serial_of(url) == 11
        certificate, key = write(12)
        assert await serial_of(url) == 11
        tls.reload()
        assert await serial_of(url) == 12
        key.write_bytes(make_pair(13)[1])
        with pytest.raises(BadCertificate):
            tls.reload()
        certificate.unlink()
        with pytest.raises(BadCertificate):
            tls.reload()
        assert await serial_of(url) == 12


async def test_a_key_that_others_could_have_written_is_not_taken_at_the_signal(
    database_url: str, database: Database, write: Write
) -> None:
    certificate, key = write(11)
    settings = settings_of(database_url=database_url, hook_secrets='["some-secret"]', tls_cert=certificate, tls_key=key)
    tls = ServerTls(certificate, key)
    async with make_parts(settings, database) as parts:
        write(12)
        key.chmod(0o602)
        reload(parts, tls)
        async with serving(parts, tls) as url:
            assert await serial_of(url) == 11
        key.chmod(0o600)
        reload(parts, tls)
        async with serving(parts, tls) as url:
            assert await serial_of(url) == 12


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_are_not_spoken(write: Write, version: ssl.TLSVersion) -> None:
    context = ServerTls(*write(1)).context
    assert context.minimum_version > version
    names = {cipher["name"] for cipher in context.get_ciphers()}
    assert names
    assert all(name.startswith(("ECDHE-", "TLS_")) and ("GCM" in name or "CHACHA20" in name) for name in names)


def test_a_key_with_a_passphrase_is_refused_instead_of_asked_for(write: Write) -> None:
    with pytest.raises(BadCertificate):
        ServerTls(*write(1, passphrase=b"marked"))


def test_a_faulty_certificate_stops_the_start_with_a_word(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("marked")
    with pytest.raises(BadSettings, match="TLS_CERT and TLS_KEY cannot be used") as fault:
        server_tls(settings_of(tls_cert=tmp_path / "c.pem", tls_key=tmp_path / "c.pem"))
    assert "marked" not in str(fault.value)
    with pytest.raises(ValueError, match="go together"):
        settings_of(tls_cert=tmp_path / "c.pem")
