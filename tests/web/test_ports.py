"""Ports on which `serve` cannot listen."""

import socket

import pytest

from tests.loading.loader import command


@pytest.mark.parametrize("setting", ["PORT", "ADMIN_PORT"])
def test_serve_names_the_setting_whose_port_is_taken(database_url: str, setting: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        secrets = {"BASIC_AUTH_USER": "okta", "BASIC_AUTH_PASSWORD": "hunter22"}
        ports = {"PORT": "0", "ADMIN_PORT": "0"} | {setting: port}
        ended = command("serve", url=database_url, **secrets, **ports)
    host = setting.replace("PORT", "HOST")
    assert ended.returncode == 1
    assert f"{host} and {setting}, 127.0.0.1:{port}: Address already in use" in ended.stderr
