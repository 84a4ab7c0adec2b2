"""The products whose hashes are a formula, one row each. Knows names, layouts and formulas; computes nothing.

The sources of the formulas are the products' own code and hashcat's list of modes, which has a vector of most.
"""

import re

from service.passwords.product import Product

_HEX = r"[0-9A-Fa-f]"
_BASE64_SHA1 = re.compile(r"(?P<digest>[A-Za-z0-9+/]{27}=)")
_UNSALTED = (
    "md5",
    "md4",
    "sha1",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "sha3_224",
    "sha3_256",
    "sha3_384",
    "sha3_512",
    "keccak_224",
    "keccak_256",
    "keccak_384",
    "keccak_512",
    "ripemd160",
    "sm3",
    "whirlpool",
    "blake2s",
    "blake2b",
)
_RAW = tuple(
    Product(name, f"{name}($pass)", (f"hex_{name}", f"{name}_hex", f"raw_{name}", f"{name}_base64", f"unsalted_{name}"))
    for name in _UNSALTED
)
_SALTED = tuple(
    Product(f"{name}_{suffix}", formula.replace("HASH", name), names_itself=suffix in {"pass_salt", "salt_pass"})
    for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
    for suffix, formula in (
        ("pass_salt", "HASH($pass.$salt)"),
        ("salt_pass", "HASH($salt.$pass)"),
        ("salt_pass_salt", "HASH($salt.$pass.$salt)"),
        ("utf16le", "HASH(utf16le($pass))"),
        ("utf16le_pass_salt", "HASH(utf16le($pass).$salt)"),
        ("salt_utf16le_pass", "HASH($salt.utf16le($pass))"),
    )
)
_KEYED = tuple(
    Product(f"hmac_{name}_key_{key}", f"hmac_{name}({arguments})", names_itself=False)
    for name in ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")
    for key, arguments in (
        ("salt", "$salt, $pass"),
        ("pass", "$pass, $salt"),
        ("pepper", "$pepper, $pass"),
    )
)


def _restful(site_key: str, salt: str, rounds: int) -> str:
    """Rails' restful_authentication: each round hashes the last, salt, password and site key, joined by two dashes."""
    formula = site_key
    for _ in range(rounds):
        formula = f"sha1({formula}.'--'.{salt}.'--'.$pass.'--'.{site_key})"
    return formula


_FORUMS = (
    Product("joomla15", "md5($pass.$salt)", ("joomla15_md5", "joomla_md5")),
    Product("oscommerce", "md5($salt.$pass)", ("oscommerce_md5", "xtcommerce", "zencart", "prestashop")),
    Product("prestashop_cookie_key", "md5($pepper.$pass)", names_itself=False),
    Product("moodle_md5", "md5($pass.$pepper)", names_itself=False, unpeppered="md5($pass)"),
    Product(
        "vbulletin",
        "md5(md5($pass).$salt) | md5(md5(latin1(numeric_entities($pass))).$salt)",
        ("vbulletin3", "vbulletin4", "vbulletin_md5"),
    ),
    Product("phpbb2", "md5($pass) | md5(latin1(numeric_entities($pass)))", ("phpbb2_md5",), names_itself=False),
    Product("mybb", "md5(md5($salt).md5($pass))", ("mybb12", "mybb_ipb_md5")),
    Product(
        "ipb",
        "md5(md5($salt).md5($pass)) | md5(md5($salt).md5(invision($pass)))",
        ("ipb2", "ipb3", "invision", "mybb_ipb"),
    ),
    Product("smf", "sha1(strtolower($user).$pass) | sha1(lower($user).$pass)", ("smf11", "smf2", "smf_sha1")),
    Product("smf1", "hmac_md5(strtolower($user), $pass)", ("smf10",), names_itself=False),
    Product("redmine", "sha1($salt.sha1($pass))"),
    Product("punbb", "sha1($salt.sha1($pass))"),
    Product("fluxbb", "sha1($pass)", names_itself=False),
    Product("opencart", "sha1($salt.sha1($salt.sha1($pass)))"),
    Product("woltlab3", "sha1($salt.sha1($salt.sha1($pass)))", ("wbb3",)),
    Product("magento1", "md5($salt.$pass) | sha256($salt.$pass)", ("magento",), unsalted="md5($pass) | sha256($pass)"),
    Product(
        "magento2_v0",
        "md5($salt.$pass)",
        ("magento_md5",),
        re.compile(rf"(?P<digest>{_HEX}{{32}}):(?P<salt>[^:]*):0"),
    ),
    Product(
        "magento2_v1",
        "sha256($salt.$pass)",
        ("magento2_sha256", "magento_sha256"),
        re.compile(rf"(?P<digest>{_HEX}{{64}}):(?P<salt>[^:]*):1"),
    ),
    Product(
        "magento2_upgraded",
        "sha256($salt.md5($salt.$pass))",
        (),
        re.compile(rf"(?P<digest>{_HEX}{{64}}):(?P<salt>[^:]*):0:1"),
    ),
    Product(
        "cubecart", "md5(md5($salt).md5($pass)) | whirlpool($salt.$pass.$salt)", ("cubecart6",), names_itself=False
    ),
    Product("dokeos", "sha1($pass)", ("chamilo",), names_itself=False),
    Product("mediawiki_a", "md5($pass)", pattern=re.compile(rf":A:(?P<digest>{_HEX}{{32}})")),
    Product(
        "mediawiki_b",
        "md5($salt.'-'.md5($pass))",
        ("mediawiki",),
        re.compile(rf"[:$]B[:$](?P<salt>[^:$]*)[:$](?P<digest>{_HEX}{{32}})"),
    ),
    Product(
        "phps",
        "md5(md5($pass).unhex($salt))",
        pattern=re.compile(rf"\$PHPS\$(?P<salt>(?:{_HEX}{{2}})*)\$(?P<digest>{_HEX}{{32}})"),
    ),
)
_FRAMEWORKS = (
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
    Product("coldfusion10", "sha256($salt.sha1_hexupper($pass))", ("coldfusion",), names_itself=False),
    Product(
        "authme",
        "sha256(sha256($pass).$salt)",
        ("authme_sha256",),
        re.compile(rf"\$SHA\$(?P<salt>[^$]*)\$(?P<digest>{_HEX}{{64}})"),
    ),
    Product("hmailserver", "sha256($salt.$pass)", pattern=re.compile(r"(?P<salt>[0-9a-f]{6})(?P<digest>[0-9a-f]{64})")),
    Product("filezilla", "sha512($pass.$salt)", ("filezilla_server",), names_itself=False),
    Product("umbraco", "hmac_sha1(utf16le($pass), utf16le($pass))", ("umbraco_hmac_sha1", "umbraco4"), _BASE64_SHA1),
    Product("peoplesoft", "sha1(utf16le($pass))", (), _BASE64_SHA1),
    Product("huawei", "sha1(md5($pass).$salt)", names_itself=False),
    Product(
        "citrix_netscaler",
        "sha1($salt.$pass.'\\0')",
        ("netscaler",),
        re.compile(rf"1(?P<salt>{_HEX}{{8}})(?P<digest>{_HEX}{{40}})"),
    ),
    Product(
        "citrix_netscaler_sha512",
        "sha512($salt.$pass.'\\0')",
        (),
        re.compile(rf"2(?P<salt>{_HEX}{{8}})(?P<digest>{_HEX}{{128}})"),
    ),
    Product(
        "macos_10_4",
        "sha1(unhex($salt).$pass)",
        ("macos_sha1",),
        re.compile(rf"(?P<salt>{_HEX}{{8}})(?P<digest>{_HEX}{{40}})"),
        names_itself=False,
    ),
    Product(
        "macos_10_7",
        "sha512(unhex($salt).$pass)",
        ("macos_sha512",),
        re.compile(rf"(?P<salt>{_HEX}{{8}})(?P<digest>{_HEX}{{128}})"),
        names_itself=False,
    ),
    Product(
        "htdigest",
        "md5($user.':'.$salt.':'.$pass)",
        ("http_digest", "digest_ha1"),
        re.compile(rf"(?:(?P<user>[^:]*):(?P<salt>[^:]*):)?(?P<digest>{_HEX}{{32}})"),
        names_itself=False,
    ),
    Product("half_md5", "left(md5($pass), 16)", pattern=re.compile(rf"(?P<digest>{_HEX}{{16}})"), names_itself=False),
)
_FORTINET = "a388ba2e424cb04a537930c13107cc3fa1329029a9815b70"
"""What Fortinet's devices hash behind every password."""
_SSPR = (("0", "md5", 32), ("1", "sha1", 40), ("2", "sha1", 40), ("3", "sha256", 64), ("4", "sha512", 128))
_ENTERPRISE = (
    *(
        Product(
            f"sspr_{number}",
            f"{name}_bin^$iterations({'$salt.' if number > '1' else ''}$pass)",
            ("adobe_aem_sha256",) if number == "3" else (),
            re.compile(rf"\$sspr\${number}\$(?P<rounds>[0-9]{{1,9}})\$(?P<salt>[^$]*)\$(?P<digest>{_HEX}{{{digits}}})"),
            iterations=100_000,
        )
        for number, name, digits in _SSPR
    ),
    Product(
        "oracle_transportation_management",
        "sha256_bin^$iterations($salt.$pass)",
        ("otm_sha256",),
        re.compile(r"otm_sha256:(?P<rounds>[0-9]{1,9}):(?P<salt>[^:]*):(?P<digest>[A-Za-z0-9+/]{43}=)"),
        iterations=1000,
    ),
    Product(
        "netwitness",
        "sha256(sha256_hexupper($pass).unbase64($salt))",
        ("rsa_security_analytics",),
        re.compile(rf"(?P<digest>{_HEX}{{64}}):(?P<salt>[A-Za-z0-9+/]+=*)"),
        names_itself=False,
    ),
    Product(
        "fortios",
        f"sha1(unbase64($salt).$pass.unhex('{_FORTINET}'))",
        ("fortigate",),
        re.compile(r"AK1(?P<salt>[A-Za-z0-9+/]{16})(?P<digest>[A-Za-z0-9+/]{27}=)"),
    ),
    Product(
        "fortios_sha256",
        f"sha256(unbase64($salt).$pass.unhex('{_FORTINET}'))",
        ("fortigate256",),
        re.compile(r"SH2(?P<salt>[A-Za-z0-9+/]{16})(?P<digest>[A-Za-z0-9+/]{43}=)"),
    ),
    Product(
        "solarwinds_v2",
        "sha512(pbkdf2_sha1_bin($pass, unbase64($salt), 1000, 1024))",
        ("solarwinds_orion_v2",),
        re.compile(r"\$solarwinds\$1\$(?P<salt>[A-Za-z0-9+/]+={0,2})\$(?P<digest>[A-Za-z0-9+/]{86}==)"),
    ),
    Product(
        "arubaos",
        "sha1(unhex($salt).$pass)",
        pattern=re.compile(rf"(?P<salt>{_HEX}{{10}})(?P<digest>{_HEX}{{40}})"),
        names_itself=False,
    ),
)
_DATABASES = (
    Product(
        "mysql41",
        "sha1(sha1_bin($pass))",
        ("mysql5", "mysql_native_password"),
        re.compile(rf"\*(?P<digest>{_HEX}{{40}})"),
    ),
    Product(
        "postgres_md5",
        "md5($pass.$user)",
        ("postgresql_md5",),
        re.compile(rf"md5(?P<digest>{_HEX}{{32}})(?::(?P<user>.*))?"),
    ),
    Product(
        "mssql2005",
        "sha1(utf16le($pass).unhex($salt))",
        ("mssql2008",),
        re.compile(rf"0x0100(?P<salt>{_HEX}{{8}})(?P<digest>{_HEX}{{40}})", re.IGNORECASE),
    ),
    Product(
        "mssql2012",
        "sha512(utf16le($pass).unhex($salt))",
        ("mssql2014", "mssql2016"),
        re.compile(rf"0x0200(?P<salt>{_HEX}{{8}})(?P<digest>{_HEX}{{128}})", re.IGNORECASE),
    ),
    Product(
        "oracle11",
        "sha1($pass.unhex($salt))",
        ("oracle11g", "oracle11g_s", "oracle_s"),
        re.compile(rf"(?:S:)?(?P<digest>{_HEX}{{40}}):?(?P<salt>{_HEX}{{20}})(?:;H:{_HEX}{{32}})?;?"),
    ),
    Product(
        "oracle12",
        "sha512(pbkdf2_sha512_bin($pass, unhex($salt).'AUTH_PBKDF2_SPEEDY_KEY', 4096, 64).unhex($salt))",
        ("oracle12c", "oracle_t"),
        re.compile(rf"(?:.*;)?(?:T:)?(?P<digest>{_HEX}{{128}})(?P<salt>{_HEX}{{32}});?"),
    ),
)
_WINDOWS = (
    Product(
        "nt",
        "md4(utf16le($pass))",
        ("nthash", "ntlm", "nt_hash", "ntlm_nt_hash"),
        re.compile(
            rf"(?:\$NT\$|\{{(?:NT|NTLM)\}}|ipaNTHash:+ *|sambaNTPassword:+ *)?"
            rf"(?P<digest>{_HEX}{{32}}|[A-Za-z0-9+/_-]{{22}}(?:==)?)",
            re.IGNORECASE,
        ),
    ),
    Product(
        "msdcc",
        "md4(md4_bin(utf16le($pass)).utf16le(lower($user)))",
        ("mscache", "mscash", "dcc"),
        re.compile(rf"M\$(?P<user>[^#]*)#(?P<digest>{_HEX}{{32}})"),
    ),
)
FORMATS = (*_RAW, *_SALTED, *_KEYED, *_FORUMS, *_FRAMEWORKS, *_ENTERPRISE, *_DATABASES, *_WINDOWS)
