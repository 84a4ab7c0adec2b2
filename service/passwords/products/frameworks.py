"""Frameworks whose hashes are a formula. Knows names and layouts; computes nothing.

Sources, where hashcat has no mode: IonAuth's hash_password, Authlogic's Sha512.
"""

import re

from service.passwords.product import Product


def _restful(site_key: str, salt: str, rounds: int) -> str:
    """Rails' restful_authentication: each round hashes the last, salt, password and site key, joined by two dashes."""
    formula = site_key
    for _ in range(rounds):
        formula = f"sha1({formula}.'--'.{salt}.'--'.$pass.'--'.{site_key})"
    return formula


FORMATS = (
    Product(
        "restful_authentication",
        _restful("$pepper", "$salt", 10),
        ("rails_restful_auth", "rails_restful_authentication", "authlogic_sha1"),
        pepper_option="site_key",
        unpeppered=_restful("$salt2", "$salt1", 10),
        names_itself=False,
    ),
    Product(
        "restful_authentication_1",
        "sha1('--'.$salt.'--'.$pass.'--')",
        ("rails_restful_auth_one_round",),
        names_itself=False,
    ),
    Product("authlogic_sha512", "sha512_hex^20($pass.$salt)", (), names_itself=False),
    Product("coldfusion10", "sha256($salt.sha1_hexupper($pass))", ("coldfusion",), names_itself=False),
    Product("cakephp", "sha1($pepper.$pass)", ("cakephp2",), names_itself=False),
    Product(
        "ionauth",
        "left(sha1($salt.$pass), 30)",
        ("ion_auth",),
        re.compile(r"(?P<salt>[0-9a-f]{10})(?P<digest>[0-9a-f]{30})"),
        names_itself=False,
    ),
)
