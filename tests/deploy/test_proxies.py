"""Caddy and nginx in front of a real service, with the files in `deploy/`: TLS, forwarding, limits, addresses."""

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import Administrator, _database
from tests.deploy.programs import find, free_port
from tests.deploy.serving import AUTHORIZATION, ROOT, a_service, load, program, until

NGINX = ROOT / "deploy" / "nginx" / "nginx.conf"
CADDY = ROOT / "deploy" / "caddy" / "Caddyfile"
EVENTS, SIGN_IN = "/okta/events", "/okta/password-import"
RETRIES = 20
"""Calls until a busy machine answers within REQUEST_TIMEOUT, which has an upper bound; Okta sends two."""


@dataclass
class Answer:
    status: int
    body: bytes

    @property
    def verdict(self) -> str:
        return str(json.loads(self.body)["commands"][0]["value"]["credential"])


@dataclass
class Front:
    """A running proxy, and what its clients trust."""

    port: int
    certificate: Path

    def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Call through TLS; the path is sent unchanged."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        given = {"Authorization": AUTHORIZATION, "Content-Type": "application/json"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPSConnection("localhost", self.port, context=context, timeout=60)
        try:
            connection.request(method, path, body or None, given)
            answer = connection.getresponse()
            return Answer(answer.status, answer.read())
        finally:
            connection.close()

    def sign_in(self, typed: str, address: str = "192.0.2.1", **headers: str) -> Answer:
        context = {
            "request": {"ipAddress": address},
            "credential": {"username": "jessie.smith@example.com", "password": typed},
        }
        body = json.dumps({"data": {"context": context}}).encode()
        answers = (self.call("POST", SIGN_IN, body, **headers) for _ in range(RETRIES))
        return next(answer for answer in answers if answer.status != 503)


@pytest.fixture(scope="module")
def database(administrator: Administrator, template_database: str, folder: Path) -> Iterator[str]:
    for url in _database(administrator, template_database):
        load(url, folder)
        yield url


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("proxies")


@pytest.fixture(scope="module")
def certificate(folder: Path) -> Path:
    """Return a self-signed certificate for localhost; its key is next to it."""
    path = folder / "certificate.pem"
    command = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-out", str(path)]
    command += ["-keyout", str(folder / "key.pem")]
    subprocess.run([find("openssl", "openssl"), *command], check=True, capture_output=True)
    return path


def replaced(text: str, *changes: tuple[str, str]) -> str:
    """Return the text with changes, each of which must apply."""
    for old, new in changes:
        assert old in text, f"{old!r} is not in the file any more"
        text = text.replace(old, new)
    return text


def nginx_configuration(folder: Path, port: int, upstream: int, certificate: Path) -> Path:
    temporary = "\n".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    text = replaced(
        NGINX.read_text(),
        ("user www-data;", f"{user} daemon off;"),
        ("/run/nginx.pid", str(folder / "nginx.pid")),
        ("/var/log/nginx", str(folder)),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        ("listen [::]:443 ssl;", ""),
        ("signin.example.com", "localhost"),
        ("/etc/ssl/password-import/fullchain.pem", str(certificate)),
        ("/etc/ssl/password-import/privkey.pem", str(folder / "key.pem")),
        ("127.0.0.1:8082", f"127.0.0.1:{upstream}"),
        ("http {", "http {\n" + temporary),
    )
    path = folder / "nginx.conf"
    path.write_text(text)
    return path


def caddy_configuration(folder: Path, port: int, upstream: int, certificate: Path) -> Path:
    text = replaced(
        CADDY.read_text(),
        ("\tadmin off", f"\tadmin off\n\thttp_port {free_port()}\n\thttps_port {port}\n\tdefault_bind 127.0.0.1"),
        ("signin.example.com {", f"localhost {{\n\ttls {certificate} {folder / 'key.pem'}"),
        ("127.0.0.1:8082", f"127.0.0.1:{upstream}"),
    )
    path = folder / "Caddyfile"
    path.write_text(text)
    return path


@contextlib.contextmanager
def in_front(proxy: str, folder: Path, upstream: int, certificate: Path) -> Iterator[Front]:
    """Run a proxy in front of a port."""
    port, log = free_port(), folder / f"{proxy}.log"
    if proxy == "nginx":
        path = nginx_configuration(folder, port, upstream, certificate)
        command = [find("nginx", "nginx"), "-p", str(folder), "-c", str(path), "-e", str(folder / "start.log")]
    else:
        path = caddy_configuration(folder, port, upstream, certificate)
        command = [find("caddy", "caddy"), "run", "--config", str(path), "--adapter", "caddyfile"]
    own = os.environ | {"XDG_DATA_HOME": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config")}
    with program(*command, log=log, env=own) as process:
        until(lambda: process.poll() is not None or accepts(port), f"{proxy} listens", log)
        assert process.poll() is None, log.read_text()
        yield Front(port, certificate)


def accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


@pytest.fixture(scope="module", params=["caddy", "nginx"])
def front(request: pytest.FixtureRequest, database: str, folder: Path, certificate: Path) -> Iterator[Front]:
    find(request.param, request.param)
    with (
        a_service(database, folder) as ports,
        in_front(request.param, folder, ports.service, certificate) as front,
    ):
        yield front


def test_a_person_signs_in_through_the_proxy(front: Front) -> None:
    assert front.sign_in("password1").verdict == "VERIFIED"
    assert front.sign_in("wrong").verdict == "UNVERIFIED"


def test_the_service_authenticates_behind_the_proxy(front: Front) -> None:
    assert front.sign_in("password1", Authorization="Basic d3Jvbmc6d3Jvbmc=").status == 401


def test_okta_verifies_the_event_hook_through_the_proxy(front: Front) -> None:
    answer = front.call("GET", EVENTS, x_okta_verification_challenge="challenge")
    assert (answer.status, json.loads(answer.body)) == (200, {"verification": "challenge"})


@pytest.mark.parametrize(
    "path",
    ["/", "/healthz", "/readyz", "/metrics", "/status.json", "/okta", "/okta/../healthz", "/okta/%2e%2e/healthz",
     "/okta/..%2fhealthz", "//healthz"],
)  # fmt: skip
def test_nothing_but_okta_is_forwarded(front: Front, path: str) -> None:
    answer = front.call("GET", path)
    assert answer.status in {400, 404}
    assert b"status" not in answer.body
    assert b"password_import" not in answer.body


def test_a_delivery_far_over_a_mebibyte_arrives(front: Front) -> None:
    events = [{"uuid": f"e{number}", "eventType": "user.session.start", "more": "x" * 1000} for number in range(9000)]
    body = json.dumps({"eventType": "com.okta.event_hook", "data": {"events": events}}).encode()
    assert len(body) > 8 * 1024 * 1024
    assert front.call("POST", EVENTS, body).status == 204


@pytest.mark.parametrize("path, size", [(EVENTS, 65 * 1024 * 1024), (SIGN_IN, 1024 * 1024)])
def test_a_body_beyond_what_the_service_takes_is_refused_and_harms_nobody_else(
    front: Front, path: str, size: int
) -> None:
    with contextlib.suppress(ConnectionError, ssl.SSLError):  # it may be closed before everything is sent
        assert front.call("POST", path, b" " * size).status == 413
    assert front.call("POST", SIGN_IN, b"{}").status == 400, "the service still answers"


def test_failures_count_for_the_address_in_okta_s_call_and_for_no_header(front: Front) -> None:
    own, other = f"198.51.100.{front.port % 200}", f"203.0.113.{front.port % 200}"  # each proxy's fixture has its own
    statuses = [
        front.sign_in(f"guess {number}", own, X_Forwarded_For=f"192.0.2.{number}").status for number in range(8)
    ]
    assert statuses[:3] == [200] * 3
    assert statuses[-1] == 429, "another X-Forwarded-For each time changed nothing"
    assert front.sign_in("password1", other).verdict == "VERIFIED"


def test_no_password_reaches_a_file_of_the_proxy(front: Front, folder: Path) -> None:
    front.sign_in("a password to look for")
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert [path.name for path in files if b"a password to look for" in path.read_bytes()] == []


@pytest.mark.parametrize("proxy", ["caddy", "nginx"])
def test_without_a_service_okta_gets_a_status_that_it_retries(proxy: str, folder: Path, certificate: Path) -> None:
    find(proxy, proxy)
    with in_front(proxy, folder, free_port(), certificate) as front:
        assert front.call("POST", SIGN_IN, b"{}").status in {502, 503, 504}


def test_no_timeout_of_a_proxy_ends_a_call_before_okta_does() -> None:
    timeouts = re.findall(r"(?:proxy_send_timeout|proxy_read_timeout|client_body_timeout) (\d+)s", NGINX.read_text())
    timeouts += re.findall(r"(?:response_header_timeout|read_body) (\d+)s", CADDY.read_text())
    assert len(timeouts) == 5
    assert min(map(int, timeouts)) > 3


@pytest.mark.parametrize("path", [NGINX, CADDY])
def test_the_admin_port_is_behind_no_proxy(path: Path) -> None:
    configured = re.sub(r"#.*", "", path.read_text())
    assert "8083" not in configured


def test_caddy_finds_nothing_to_format() -> None:
    if shutil.which("caddy") is None:
        pytest.skip("caddy is not installed (Debian: caddy)")
    done = subprocess.run(["caddy", "fmt", str(CADDY)], capture_output=True, text=True, check=False)
    assert done.stdout == CADDY.read_text()
