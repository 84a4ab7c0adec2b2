"""Products whose hash is a formula: databases, devices, enterprise products and servers.

The sources of the formulas are the products' own code and hashcat's list of modes, which has a test vector for most.
"""

import re

from service.hashing.encodings import HEX_DIGIT
from service.hashing.formats import products_web
from service.hashing.formats.product import Product

# Generic digests of password and salt that many products use, named by their formula.

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
_CUT = (
    Product(
        "half_md5", "left(md5($pass), 16)", pattern=re.compile(rf"(?P<digest>{HEX_DIGIT}{{16}})"), names_itself=False
    ),
)
CONSTRUCTIONS = (*_RAW, *_SALTED, *_KEYED, *_CUT)


# Databases whose hashes are a formula.

DATABASES = (
    Product(
        "mysql41",
        "sha1(sha1_bin($pass))",
        ("mysql5", "mysql_native_password"),
        re.compile(rf"\*(?P<digest>{HEX_DIGIT}{{40}})"),
    ),
    Product(
        "postgres_md5",
        "md5($pass.$user)",
        ("postgresql_md5",),
        re.compile(rf"md5(?P<digest>{HEX_DIGIT}{{32}})(?::(?P<user>.*))?"),
    ),
    Product(
        "mssql2005",
        "sha1(utf16le($pass).unhex($salt))",
        ("mssql2008",),
        re.compile(rf"0x0100(?P<salt>{HEX_DIGIT}{{8}})(?P<digest>{HEX_DIGIT}{{40}})", re.IGNORECASE),
    ),
    Product(
        "mssql2012",
        "sha512(utf16le($pass).unhex($salt))",
        ("mssql2014", "mssql2016"),
        re.compile(rf"0x0200(?P<salt>{HEX_DIGIT}{{8}})(?P<digest>{HEX_DIGIT}{{128}})", re.IGNORECASE),
    ),
    Product(
        "oracle11",
        "sha1($pass.unhex($salt))",
        ("oracle11g", "oracle11g_s", "oracle_s"),
        re.compile(rf"(?:S:)?(?P<digest>{HEX_DIGIT}{{40}}):?(?P<salt>{HEX_DIGIT}{{20}})(?:;H:{HEX_DIGIT}{{32}})?;?"),
    ),
    Product(
        "oracle12",
        "sha512(pbkdf2_sha512_bin($pass, unhex($salt).'AUTH_PBKDF2_SPEEDY_KEY', 4096, 64).unhex($salt))",
        ("oracle12c", "oracle_t"),
        re.compile(rf"(?:.*;)?(?:T:)?(?P<digest>{HEX_DIGIT}{{128}})(?P<salt>{HEX_DIGIT}{{32}});?"),
    ),
    Product(
        "mongodb_cr",
        "md5($user.':mongo:'.$pass)",
        (),
        re.compile(rf"(?:\$mongodb\$0\$(?P<user>[^$]+)\$)?(?P<digest>{HEX_DIGIT}{{32}})"),
        names_itself=False,
    ),
)


# Network devices and operating systems whose hashes are a formula.

_FORTINET = "a388ba2e424cb04a537930c13107cc3fa1329029a9815b70"
"""The text that Fortinet's devices append to every password."""
DEVICES = (
    Product("huawei", "sha1(md5($pass).$salt)", names_itself=False),
    Product(
        "citrix_netscaler",
        "sha1($salt.$pass.'\\0')",
        ("netscaler",),
        re.compile(rf"1(?P<salt>{HEX_DIGIT}{{8}})(?P<digest>{HEX_DIGIT}{{40}})"),
    ),
    Product(
        "citrix_netscaler_sha512",
        "sha512($salt.$pass.'\\0')",
        (),
        re.compile(rf"2(?P<salt>{HEX_DIGIT}{{8}})(?P<digest>{HEX_DIGIT}{{128}})"),
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
        "arubaos",
        "sha1(unhex($salt).$pass)",
        pattern=re.compile(rf"(?P<salt>{HEX_DIGIT}{{10}})(?P<digest>{HEX_DIGIT}{{40}})"),
        names_itself=False,
    ),
    Product(
        "macos_10_4",
        "sha1(unhex($salt).$pass)",
        ("macos_sha1",),
        re.compile(rf"(?P<salt>{HEX_DIGIT}{{8}})(?P<digest>{HEX_DIGIT}{{40}})"),
        names_itself=False,
    ),
    Product(
        "macos_10_7",
        "sha512(unhex($salt).$pass)",
        ("macos_sha512",),
        re.compile(rf"(?P<salt>{HEX_DIGIT}{{8}})(?P<digest>{HEX_DIGIT}{{128}})"),
        names_itself=False,
    ),
    Product(
        "nt",
        "md4(utf16le($pass))",
        ("nthash", "ntlm", "nt_hash", "ntlm_nt_hash"),
        re.compile(
            rf"(?:\$NT\$|\{{(?:NT|NTLM)\}}|ipaNTHash:+ *|sambaNTPassword:+ *)?"
            rf"(?P<digest>{HEX_DIGIT}{{32}}|[A-Za-z0-9+/_-]{{22}}(?:==)?)",
            re.IGNORECASE,
        ),
    ),
    Product(
        "msdcc",
        "md4(md4_bin(utf16le($pass)).utf16le(lower($user)))",
        ("mscache", "mscash", "dcc"),
        re.compile(rf"M\$(?P<user>[^#]*)#(?P<digest>{HEX_DIGIT}{{32}})"),
    ),
)


# Enterprise suites whose hashes are a formula.
#
# Sources, where hashcat has no mode: OFBiz's HashCrypt.

_SSPR = (("0", "md5", 32), ("1", "sha1", 40), ("2", "sha1", 40), ("3", "sha256", 64), ("4", "sha512", 128))
ENTERPRISE = (
    *(
        Product(
            f"sspr_{number}",
            f"{name}_bin^$iterations({'$salt.' if number > '1' else ''}$pass)",
            ("adobe_aem_sha256",) if number == "3" else (),
            re.compile(
                rf"\$sspr\${number}\$(?P<rounds>[0-9]{{1,9}})\$(?P<salt>[^$]*)\$(?P<digest>{HEX_DIGIT}{{{digits}}})"
            ),
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
        re.compile(rf"(?P<digest>{HEX_DIGIT}{{64}}):(?P<salt>[A-Za-z0-9+/]+=*)"),
        names_itself=False,
    ),
    Product(
        "solarwinds",
        "sha512(pbkdf2_sha1_bin($pass, left($user.'1244352345234', 8), 1000, 1024))",
        ("solarwinds_orion",),
        re.compile(r"\$solarwinds\$0\$(?P<user>[^$]+)\$(?P<digest>[A-Za-z0-9+/]{86}==)"),
    ),
    Product(
        "solarwinds_v2",
        "sha512(pbkdf2_sha1_bin($pass, unbase64($salt), 1000, 1024))",
        ("solarwinds_orion_v2",),
        re.compile(r"\$solarwinds\$1\$(?P<salt>[A-Za-z0-9+/]+={0,2})\$(?P<digest>[A-Za-z0-9+/]{86}==)"),
    ),
    Product("peoplesoft", "sha1(utf16le($pass))", (), re.compile(r"(?P<digest>[A-Za-z0-9+/]{27}=)")),
    Product(
        "peoplesoft_token",
        "sha1(unhex($salt).utf16le($pass))",
        ("ps_token", "peoplesoft_ps_token"),
        re.compile(rf"(?P<digest>{HEX_DIGIT}{{40}}):(?P<salt>(?:{HEX_DIGIT}{{2}})+)"),
        names_itself=False,
    ),
    Product(
        "ofbiz",
        "sha1($salt.$pass)",
        ("ofbiz_sha",),
        re.compile(r"\$SHA(?:-1)?\$(?P<salt>[^$]{1,64})\$(?P<digest>[A-Za-z0-9_-]{27}=?)"),
    ),
)


# Server software whose accounts' hashes are a formula.
#
# Sources, where hashcat has no mode: Jenkins's HudsonPrivateSecurityRealm, Bugzilla's bz_crypt, the user models of
# Grafana and Discourse, Mosquitto's password_mosq.c, Metabase's verify-password.

SERVERS = (
    Product("redmine", "sha1($salt.sha1($pass))"),
    Product(
        "jenkins_sha256",
        "sha256($pass.'{'.$salt.'}')",
        (),
        re.compile(rf"(?P<salt>[^:{{}}$]{{1,64}}):(?P<digest>{HEX_DIGIT}{{64}})"),
        names_itself=False,
    ),
    Product(
        "bugzilla",
        "sha256($pass.$salt)",
        (),
        re.compile(r"(?P<salt>[^,]{8,16}),(?P<digest>[A-Za-z0-9+/]{43})\{SHA-256\}"),
    ),
    Product("grafana", "pbkdf2_sha256($pass, $salt, 10000, 50)", (), names_itself=False),
    Product(
        "mosquitto_sha512",
        "sha512($pass.unbase64($salt))",
        (),
        re.compile(r"\$6\$(?P<salt>[A-Za-z0-9+/]+={0,2})\$(?P<digest>[A-Za-z0-9+/]{86}==)"),
    ),
    Product("metabase", "bcrypt($salt.$pass)", (), names_itself=False),
    Product("hmailserver", "sha256($salt.$pass)", pattern=re.compile(r"(?P<salt>[0-9a-f]{6})(?P<digest>[0-9a-f]{64})")),
    Product("filezilla", "sha512($pass.$salt)", ("filezilla_server",), names_itself=False),
    Product(
        "authme",
        "sha256(sha256($pass).$salt)",
        ("authme_sha256",),
        re.compile(rf"\$SHA\$(?P<salt>[^$]*)\$(?P<digest>{HEX_DIGIT}{{64}})"),
    ),
    Product(
        "htdigest",
        "md5($user.':'.$salt.':'.$pass)",
        ("http_digest", "digest_ha1"),
        re.compile(rf"(?:(?P<user>[^:]*):(?P<salt>[^:]*):)?(?P<digest>{HEX_DIGIT}{{32}})"),
        names_itself=False,
    ),
)


FORMATS = (
    *CONSTRUCTIONS,
    *products_web.CONTENT,
    *products_web.SHOPS,
    *products_web.FORUMS,
    *products_web.FRAMEWORKS,
    *SERVERS,
    *DEVICES,
    *ENTERPRISE,
    *DATABASES,
)
