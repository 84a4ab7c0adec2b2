"""The list of formats is complete, its names are unambiguous, and docs/formats.md agrees with it."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import service.hashing.formats
from service.hashing import families, registry
from service.hashing.aliases import NAMES
from service.hashing.format import MalformedHash, Recipe, StoredHash, UnknownFormat
from service.hashing.registry import by_name, candidates, check

DOCS = Path(__file__).parents[2] / "docs" / "formats.md"

SCRAM = (
    "SCRAM-SHA-256$4096:IKfxzJ8Nq4PkLJCfgKcPmA==$iRw3qwTp18uaBnsTOEExbtgWdKeBMbSSnZvqD4sdqLQ="
    ":hPciC1CcnBna3szR8Mf3MVc8t0W7QPbIHoMMrh4zRV0="
)


def documented() -> dict[str, set[str]]:
    """Return the names in the first column of the tables, by the module in the heading above."""
    sections = re.split(r"^### `(\w+)`.*$", DOCS.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return {
        module: {
            name for row in re.findall(r"^\| (`.*?) \|", text, re.MULTILINE) for name in re.findall("`(.*?)`", row)
        }
        for module, text in zip(sections[::2], sections[1::2], strict=True)
    }


def test_every_module_that_holds_formats_is_listed() -> None:
    found = {module.name for module in pkgutil.iter_modules(service.hashing.formats.__path__)}
    modules = [families, *(importlib.import_module(f"service.hashing.formats.{name}") for name in found)]
    lists = [
        value for module in modules for name, value in vars(module).items() if name.endswith(("FORMATS", "LAYOUTS"))
    ]
    names = {each.name for each in registry.FORMATS}
    assert {each.name for formats in lists for each in formats} <= names
    assert len(lists) > 30


def test_the_docs_name_every_format_of_every_module_and_no_other() -> None:
    assert documented() == {group: {each.name for each in formats} for group, formats in registry.GROUPS.items()}


def test_no_name_is_used_twice() -> None:
    names = [each.name for each in registry.FORMATS]
    assert sorted(set(names)) == sorted(names)


def test_no_two_formats_share_an_alias_that_is_nobodys_name() -> None:
    aliases = [alias for each in registry.FORMATS for alias in each.aliases if by_name(alias).name != alias]
    assert sorted({alias for alias in aliases if aliases.count(alias) > 1}) == []


@pytest.mark.parametrize("name", ["django_pbkdf2", "Django-PBKDF2", " django pbkdf2 ", "django_pbkdf2_sha256"])
def test_a_format_is_found_by_its_names_however_written(name: str) -> None:
    assert by_name(name).name == "django_pbkdf2"


def test_an_unknown_name_is_answered_with_close_ones() -> None:
    with pytest.raises(UnknownFormat, match="django_pbkdf2"):
        by_name("djngo_pbkdf2")


def test_an_unknown_hash_has_no_candidate() -> None:
    assert candidates("$unknown$12$o6hx.Wog/wvFSkT/Bp/6DOxCtLRTDj7lm9on9suF/WaCGNVHbkfL6") == ()


@pytest.mark.parametrize("text", ["$2a$", "$2", "$argon2id$", "{SSHA}", "$pbkdf2-sha256$", "pbkdf2_sha256$1$a$", ""])
def test_a_prefix_alone_is_not_a_hash(text: str) -> None:
    assert candidates(text) == ()


def test_an_ambiguous_hash_has_several_candidates() -> None:
    assert {"md5", "nt"} <= {each.name for each in candidates("b4b9b02e6f09a9bd760f388b67351e2b")}


def test_a_formula_is_told_from_a_name() -> None:
    stored = StoredHash("a936af92b0ae20b1ff6c3347a72e5fbe", Recipe("md5(md5($pass))"))
    assert check(stored).verify("hashcat")


def test_a_fault_does_not_quote_the_hash() -> None:
    with pytest.raises(MalformedHash) as fault:
        check(StoredHash("$2a$05$notahashnotahash", Recipe("bcrypt")))
    assert "notahash" not in str(fault.value)


def test_blanks_around_a_hash_are_those_of_its_column() -> None:
    stored = StoredHash("  b89eaac7e61417341b710b727768294d0e6a277b   \n", Recipe("sha1"))
    assert check(stored).verify("hashcat")


@pytest.mark.parametrize(
    "name, expected",
    [
        ("HMAC-SHA256 (key = $salt)", "hmac_sha256_key_salt"),
        ("SMF (Simple Machines Forum) > v1.1", "smf"),
        ("MSSQL (2012, 2014)", "mssql2012"),
        ("mssql12", "mssql2012"),
        ("Raw-SHA256", "sha256"),
        ("SHA2-256", "sha256"),
        ("Laravel", "php"),
        ("has_secure_password", "bcrypt"),
        ("SharePoint", "aspnet_membership"),
        ("postgres", "postgresql"),
        ("Oracle 11", "oracle11"),
        ("ASP.NET Identity v3", "aspnet_identity_v3"),
        ("vBulletin 3", "vbulletin"),
        ("bcrypt2y", "bcrypt"),
        ("$2y$", "bcrypt"),
        ("$6$", "sha512_crypt"),
        ("$argon2id$", "argon2"),
        ("$P$", "phpass"),
        ("{SSHA}", "ldap_ssha"),
        ("{SHA}", "ldap_sha1"),
        ("{CRYPT}", "ldap"),
        ("Apache-MD5", "apr_md5_crypt"),
        ("PBKDF2:SHA256", "pbkdf2_sha256"),
        ("Rfc2898DeriveBytes", "pbkdf2_sha1"),
        ("/etc/shadow", "crypt"),
        ("crypt-sha512", "sha512_crypt"),
        ("md5sum", "md5"),
        ("SSHA1", "ldap_ssha"),
        ("OLD_PASSWORD", "mysql323"),
        ("SQL Server 2012", "mssql2012"),
        ("pg_md5", "postgres_md5"),
        ("MongoDB SCRAM-SHA-256", "mongodb_scram"),
        ("WooCommerce", "wordpress"),
        ("Joomla 4", "joomla"),
        ("phpBB3", "phpbb"),
        (".NET Identity", "aspnet_identity"),
        ("SqlMembershipProvider", "aspnet_membership"),
        ("BCryptPasswordEncoder", "bcrypt"),
        ("DelegatingPasswordEncoder", "spring"),
        ("NoOpPasswordEncoder", "cleartext"),
        ("Ruby on Rails", "bcrypt"),
        ("MyBB 1.8", "mybb"),
        ("389-DS", "ldap"),
        ("Oracle Unified Directory", "ldap"),
        ("Directus", "argon2"),
        ("PASSWORD_DEFAULT", "php"),
        ("PASSWORD_ARGON2ID", "argon2"),
        ("CRYPT_BLOWFISH", "bcrypt"),
        ("BCrypt.Net", "bcrypt"),
        ("PBKDF2PasswordHasher", "django_pbkdf2"),
        ("sambaLMPassword", "lm"),
        ("Oracle 19c", "oracle12"),
        ("MySQL 5.7", "mysql41"),
        ("MySQL 8.0", "mysql_sha2"),
        ("Adobe Commerce", "magento"),
        ("Invision Power Board", "ipb"),
        ("Simple Machines Forum", "smf"),
        ("Discuz!", "discuz"),
    ],
)
def test_a_format_is_found_by_what_others_call_it(name: str, expected: str) -> None:
    assert not registry.is_formula(name)
    assert by_name(name).name == expected


def test_no_two_formats_are_told_apart_by_separators_alone() -> None:
    named = {name for each in registry.FORMATS for name in (each.name, *registry.names_of(each))}
    apart = {name for name in named if not registry.is_formula(name) and not set("{$") & set(name)}
    letters = {(re.sub(r"\W|_", "", name.lower()), by_name(name).name) for name in apart}
    # Spring's own names, StandardPasswordEncoder and MessageDigestPasswordEncoder.
    letters -= {("springsha256", "spring_SHA-256")}
    assert len({each for each, _ in letters}) == len(letters)


def test_what_others_call_a_format_belongs_to_one_that_is_there() -> None:
    assert set(NAMES) <= {each.name for each in registry.FORMATS}
    names = [(other, each.name) for each in registry.FORMATS for other in NAMES.get(each.name, ())]
    assert [(other, name) for other, name in names if by_name(other).name != name] == []


@pytest.mark.parametrize("text", ["{SHA}uJ6qx+YUFzQbcQtyd2gpTQ5qJ3s=", "uJ6qx+YUFzQbcQtyd2gpTQ5qJ3s="])
def test_a_scheme_in_braces_reads_hashes_with_and_without_it(text: str) -> None:
    assert check(StoredHash(text, Recipe("{SHA}"))).verify("hashcat")


def test_a_mark_that_several_formats_have_is_no_name() -> None:
    assert registry.is_formula("$md5$")


@pytest.mark.parametrize("formula", ["md5($pass.':'.$salt)", "hmac_md5($pass, $salt)", "cubecart(md5($pass))"])
def test_a_formula_is_no_name_though_its_letters_are(formula: str) -> None:
    assert registry.is_formula(formula)


@pytest.mark.parametrize(
    "name, text, expected",
    [
        ("drupal", "$2y$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG", "password"),
        ("moodle", "5f4dcc3b5aa765d61d8327deb882cf99", "password"),
        ("postgresql", SCRAM, "hashcat"),
        ("mssql", "0x010034767D5C2FD54D6119FFF04129A1D72E7C3194F7284A7F3A", "TEST"),
        ("laravel", "$argon2i$v=19$m=380,t=2,p=2$c29tZXNhbHQ$SrssP8n7m/12VWPM8dvNrw", "password"),
        ("dovecot", "{CRAM-MD5}5389b33b9725e5657cb631dc50017ff100000000000000000000000000000000", "hashcat"),
        ("symfony", "$argon2i$v=19$m=380,t=2,p=2$c29tZXNhbHQ$SrssP8n7m/12VWPM8dvNrw", "password"),
        ("domino", "(GDJ0nDZI8l8RJzlRbemg)", "hashcat"),
        ("domino", "3dd2e1e5ac03e230243d58b8c5ada076", "hashcat"),
        ("mysql", "fcf7c1b8749cf99d88e5f34271d636178fb5d130", "hashcat"),
    ],
)  # fmt: skip
def test_a_product_is_read_in_each_of_its_layouts(name: str, text: str, expected: str) -> None:
    assert check(StoredHash(text, Recipe(name))).verify(expected)
