"""A policy with faults is rejected as a whole, with every fault and its line."""

import pytest

from service.registration.parse import load_policy, read_policy
from service.registration.toml_document import FaultyPolicy

HEAD = '[[rule]]\nname = "it"\nfor = "registration"\n'
DENY = 'deny = { summary = "No.", location = "email" }\n'


def faults(text: str) -> list[tuple[int, str]]:
    with pytest.raises(FaultyPolicy) as refused:
        read_policy(text, "policy.toml")
    assert refused.value.faults
    return [(fault.line, fault.message) for fault in refused.value.faults]


@pytest.mark.parametrize(
    "text, line, part",
    [
        # the file
        ("", 1, "empty"),
        ("rule = ", 1, "not TOML"),
        ('a = 1\nb = "x\n', 2, "not TOML"),
        (HEAD + DENY + DENY, 5, "not TOML"),
        ("[rule]\nname = 'it'\n", 1, "[[rule]]"),
        ("rules = []\n", 1, "did you mean 'rule'"),
        ("rule = 5\n", 1, "must be a list"),
        ("unknown_request_types = 'perhaps'\n", 1, '"allow" or "deny"'),
        ("sensitive = 'ssn'\n", 1, "must be a list"),
        ("sensitive = ['ssn',\n 5]\n", 2, "must be a string"),
        # rules
        ("[[rule]]\nfor = 'both'\ndeny = true\n", 1, "needs name"),
        ("[[rule]]\nname = 'it'\ndeny = true\n", 1, "needs for"),
        ("[[rule]]\nname = 'it'\nfor = 'updates'\ndeny = true\n", 3, "did you mean 'update'"),
        ("[[rule]]\nname = ' '\nfor = 'both'\ndeny = true\n", 2, "blank"),
        ('[[rule]]\nname = "a\\u0000b"\nfor = "both"\ndeny = true\n', 2, "control character"),
        ("[[rule]]\nname = 7\nfor = 'both'\ndeny = true\n", 2, "must be a string, not a number"),
        (HEAD, 1, "does nothing"),
        (HEAD + "whn.a.sent = true\n" + DENY, 4, "did you mean 'when'"),
        (HEAD + DENY + "known_accounts = 'deny'\n", 5, "at the top of the file"),
        (HEAD + DENY + HEAD + DENY, 5, "two rules have the name 'it': the other begins on line 1"),
        (HEAD + "allow = true\n" + HEAD.replace("it", "b") + DENY, 5, "never reached: 'it' allows everything"),
        (HEAD + "when.a.sent = true\nunless.a.sent = true\n" + DENY, 1, "never applies"),
        (HEAD + "allow = false\n", 4, "write deny"),
        (HEAD + "deny = false\n", 4, "leave it out"),
        (HEAD + "deny = true\nset.a = 1\n", 1, "make two rules"),
        # conditions
        (HEAD + "when = {}\n" + DENY, 4, "empty"),
        (HEAD + "when = 'x'\n" + DENY, 4, "must be a table"),
        (HEAD + "when.country = 'DE'\n" + DENY, 4, "country.equals"),
        (HEAD + "when.country = ['DE']\n" + DENY, 4, "country.one_of"),
        (HEAD + "when.country = {}\n" + DENY, 4, "has no test"),
        (HEAD + "when.email.domian = 'x.test'\n" + DENY, 4, "did you mean 'domain'"),
        (HEAD + "when.user.email.sent = true\n" + DENY, 4, 'in quotes: "user.email"'),
        (HEAD + "when.'profile.email'.sent = true\n" + DENY, 4, "no attribute"),
        (HEAD + "when.'e-mail'.sent = true\n" + DENY, 4, "no attribute"),
        (HEAD + "when.'user.email'.sent = true\n" + DENY, 4, "only an update has a user"),
        (HEAD + "when.password.sent = true\n" + DENY, 4, "never sends the password"),
        ("sensitive = ['ssn']\n" + HEAD + "when.ssn.sent = false\n" + DENY, 5, "sensitive"),
        (HEAD + "when.any = []\n" + DENY, 4, "empty list"),
        (HEAD + "when.any = { a.sent = true }\n" + DENY, 4, "must be a list"),
        (HEAD + "when.any = [\n  { a.sent = true },\n  { b.snt = true },\n]\n" + DENY, 6, "did you mean 'sent'"),
        (HEAD + "when.known_account = 'yes'\n" + DENY, 4, "true or false"),
        # tests
        (HEAD + "when.a.sent = 'no'\n" + DENY, 4, "true or false"),
        (HEAD + "when.a.empty = false\n" + DENY, 4, "present = true"),
        (HEAD + "when.a = { present = false, equals = 1 }\n" + DENY, 4, "contradicts equals"),
        (HEAD + "when.a = { empty = true, present = true }\n" + DENY, 4, "empty = true contradicts present = true"),
        (HEAD + "when.a = { sent = false, length = 0 }\n" + DENY, 4, "sent = false contradicts length"),
        (HEAD + "when.a = { equals = 1, one_of = [1] }\n" + DENY, 4, "twice"),
        (HEAD + "when.a.equals = [1]\n" + DENY, 4, "takes a string, a number or a boolean"),
        (HEAD + "when.a.equals = nan\n" + DENY, 4, "not nan"),
        (HEAD + "when.a.number = { min = inf }\n" + DENY, 4, "not inf"),
        (HEAD + "when.a.equals = 1979-05-27\n" + DENY, 4, "a date or time"),
        (HEAD + "when.a.one_of = []\n" + DENY, 4, "empty list"),
        (HEAD + "when.a = { length = 1, ignore_case = true }\n" + DENY, 4, "ignore_case needs"),
        (HEAD + "when.a.pattern = '(ab'\n" + DENY, 4, "missing )"),
        (HEAD + "when.a.pattern = '(?=a)b'\n" + DENY, 4, "RE2"),
        (HEAD + r"when.a.pattern = '(a)\1'" + "\n" + DENY, 4, "RE2"),
        (HEAD + "when.a.length = -1\n" + DENY, 4, "0 or more"),
        (HEAD + "when.a.length = 1.5\n" + DENY, 4, "whole number"),
        (HEAD + "when.a.length = {}\n" + DENY, 4, "needs a number"),
        (HEAD + "when.a.length = { min = 5, max = 4 }\n" + DENY, 4, "min is greater than max"),
        (HEAD + "when.a.length = { mim = 5 }\n" + DENY, 4, "did you mean 'min'"),
        (HEAD + "when.a.number = 5\n" + DENY, 4, "must be a table"),
        (HEAD + "when.a.number = {}\n" + DENY, 4, "needs min, max or both"),
        (HEAD + "when.a.number = { min = '5' }\n" + DENY, 4, "must be a number, not a string"),
        (HEAD + "when.a.number = { min = 2, max = 1.5 }\n" + DENY, 4, "min is greater than max"),
        (HEAD + "when.a.domain = '@example.com'\n" + DENY, 4, "after the @"),
        (HEAD + "when.a.domain = '*.example.com'\n" + DENY, 4, 'within_domain = "example.com"'),
        (HEAD + "when.a.domain = 'exa mple'\n" + DENY, 4, "no domain"),
        (HEAD + "when.a.within_domain = ['x.test',\n  '-']\n" + DENY, 5, "no domain"),
        # words of other languages
        (HEAD + "when.a.contains = 'x'\n" + DENY, 4, "'contains' is not a key of a: write pattern"),
        (HEAD + "when.a.starts_with = 'x'\n" + DENY, 4, 'pattern = "start.*"'),
        (HEAD + "when.a.endsWith = 'x'\n" + DENY, 4, "write domain or within_domain"),
        (HEAD + "when.a.regex = 'x'\n" + DENY, 4, "write pattern"),
        (HEAD + "when.a.in = ['x']\n" + DENY, 4, "write one_of"),
        (HEAD + "when.a.not_equals = 'x'\n" + DENY, 4, "write not before the attribute"),
        (HEAD + "when.a.not.equals = 'x'\n" + DENY, 4, "write not before the attribute"),
        (HEAD + "when.a.min = 5\n" + DENY, 4, "write number = {"),
        (HEAD + "when.a.min_length = 5\n" + DENY, 4, "write length = {"),
        (HEAD + "when.a.exists = true\n" + DENY, 4, "write present"),
        (HEAD + "when.a.subdomain = 'x.test'\n" + DENY, 4, "write within_domain"),
        (HEAD + "when.a = { equals = 'x', case_sensitive = false }\n" + DENY, 4, "ignore_case = true"),
        (HEAD + "when.and = [{ a.sent = true }]\n" + DENY, 4, "'and' joins no conditions: write all = ["),
        (HEAD + "when.or = [{ a.sent = true }]\n" + DENY, 4, "'or' joins no conditions: write any = ["),
        (HEAD + "when.or.a.equals = 'x'\n" + DENY, 4, "'or' joins no conditions: write any = ["),
        (HEAD + "if.a.sent = true\n" + DENY, 4, "'if' is not a key of rule: write when"),
        (HEAD + "where.a.sent = true\n" + DENY, 4, "'where' is not a key of rule: write when"),
        (HEAD + "then.deny = true\n" + DENY, 4, "'then' is not a key of rule: write deny, set or allow"),
        (HEAD + "reject = true\n" + DENY, 4, "write deny"),
        (HEAD + "or = [{ a.sent = true }]\n" + DENY, 4, "it belongs to when or unless"),
        (HEAD + "message = 'No.'\n" + DENY, 4, "it belongs to deny"),
        # denials
        (HEAD + "deny = {}\n", 4, "needs a summary"),
        (HEAD + "deny = 5\n", 4, "must be a table, not a number"),
        (HEAD + "when.a.sent = true\ndeny = { summary = '' }\n", 5, "blank"),
        (HEAD + "deny = { summary = 'No.' }\n", 4, "needs a location"),
        (HEAD + "when.a.sent = true\nwhen.b.sent = true\ndeny = 'No.'\n", 6, "needs a location"),
        (HEAD + "deny = { summary = 'No.', location = 'data.userProfile' }\n", 4, "no location"),
        (HEAD + "deny = { summary = 'No.', location = 'data.userProfile.' }\n", 4, "no attribute"),
        (HEAD + "deny = { summary = 'No.', location = 'data.userProfileUpdate.a' }\n", 4, "no location"),
        (HEAD + "deny = { summary = 'No.', location = true }\n", 4, "must be a string"),
        (HEAD + "deny = { summary = 'No.', location = false, reason = 'R' }\n", 4, "never sent"),
        (HEAD + "deny = { sumary = 'No.', location = 'a' }\n", 4, "did you mean 'summary'"),
        (HEAD + "[rule.deny]\nsummary = 'No.'\nlocation = 'a'\nunless.a.sent = true\n", 7, "above [rule.deny]"),
        (HEAD + f"deny = {{ summary = '{'x' * 1001}', location = 'a' }}\n", 4, "longer than 1000"),
        # set
        (HEAD + "set = {}\n", 4, "empty"),
        (HEAD + "set.password = 'x'\n", 4, "password"),
        (HEAD + "set.'user.email' = 'x'\n", 4, "no attribute"),
        (HEAD + "set.a = { copy = 'b', lower = 'c' }\n", 4, "must be a value"),
        (HEAD + "set.a = { upper = 'b' }\n", 4, "'upper' is not a key"),
        (HEAD + "set.a = { copy = 'user.b' }\n", 4, "only an update"),
        (HEAD + "set.a = { copy = 'password' }\n", 4, "never sends"),
        ("sensitive = ['ssn']\n" + HEAD + "set.a = { copy = 'ssn' }\n", 5, "sensitive"),
        (HEAD + "set.a = 1979-05-27\n", 4, "a date or time"),
        (HEAD + "set.a = [1, [2]]\n", 4, "a list"),
        (HEAD + "set.a = inf\n", 4, "no such number"),
        (HEAD + f"set.a = '{'x' * 9000}'\n", 4, "longer than 8192"),
        # templates
        (HEAD + "set.displayName = '${firstName} ${lastName}'\n", 4, "'${firstName}', and a policy has no templates"),
        (HEAD + "set.tags = ['a',\n'{{ firstName }}']\n", 5, "no templates"),
        (HEAD + "set.a = '{firstName}'\n", 4, "no templates"),
        (HEAD + "set.a = 'user.firstName + user.lastName'\n", 4, "no templates"),
        (HEAD + "deny = { summary = 'No, ${firstName}.', location = 'a' }\n", 4, "no templates"),
        (HEAD + "when.a.sent = true\n[rule.deny]\nsummary = 'No.'\nmessage = 'No, #{name}.'\n", 7, "no templates"),
        (HEAD + "when.a.equals = '${b}'\n" + DENY, 4, "no templates"),
        (HEAD + "when.a.one_of = ['${b}']\n" + DENY, 4, "no templates"),
        (HEAD + "when.a.pattern = '.*${b}'\n" + DENY, 4, "no templates"),
        # code
        ("code = 5\n", 1, "must be a string"),
        ("code = 'policy.py'\n", 1, 'write "module:function"'),
        ("code = 'no.such.module:screen'\n", 1, "there is no module no"),
        ("code = 'tests.registration.code_policies:absent'\n", 1, "has no absent"),
        (HEAD + DENY + "code = 'a:b'\n", 5, "at the top of the file"),
        # known accounts
        ("known_accounts = true\n", 1, "must be a table"),
        ("known_accounts = 'denied'\n", 1, "did you mean 'deny'"),
        ("[known_accounts]\ndeny = true\ncomplete = true\n", 1, "not both"),
        ("[known_accounts]\n", 1, "needs deny or complete"),
        ("[known_accounts]\ncomplete = []\n", 2, "empty list"),
        ("[known_accounts]\ncomplete = ['a',\n'password']\n", 3, "password"),
        ("sensitive = ['ssn']\n[known_accounts]\ncomplete = ['ssn']\n", 3, "sensitive"),
    ],
)  # fmt: skip
def test_fault_is_named_with_its_line(text: str, line: int, part: str) -> None:
    found = faults(text)
    assert any(line == found_line and part in message for found_line, message in found), found


@pytest.mark.parametrize("pattern", [r"\p{L}+", r"\$\{[a-z]+\}", r"[a-z]{2}$"])
def test_pattern_with_braces_is_no_template(pattern: str) -> None:
    read_policy(HEAD + f"when.a.pattern = '{pattern}'\n" + DENY)


def test_attribute_may_be_called_like_a_word_of_other_languages() -> None:
    read_policy(HEAD + "when.or.equals = 'x'\nwhen.contains.present = true\n" + DENY)


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 3000 + "]" * 3000])
def test_what_the_interpreter_cannot_read_is_a_fault_too(value: str) -> None:
    with pytest.raises(FaultyPolicy, match=r"^policy.toml: .* too many digits, or it nests too deeply$"):
        read_policy(f"x = {value}\n", "policy.toml")


def test_a_name_may_hold_the_invisible_characters_that_languages_need() -> None:
    name = "R\u00e8gle\u00a0: \u0646\u200c"
    policy = read_policy(HEAD.replace("it", name) + DENY, "policy.toml")
    assert [rule.name for rule in policy.rules] == [name]


def test_one_fault_is_named_once() -> None:
    assert len(faults(HEAD + "when.email.domian = 'x.test'\n" + DENY)) == 1


def test_every_fault_is_named_at_once_in_the_order_of_the_file() -> None:
    text = HEAD + "when.a.length = -1\nwhen.b.pattern = '('\n" + DENY + "[[rule]]\nnme = 'x'\n"
    assert [line for line, _ in faults(text)] == [4, 5, 7, 7, 7, 8]


def test_message_names_the_file() -> None:
    with pytest.raises(FaultyPolicy, match=r"^policy.toml: line 1: "):
        read_policy("x = 1\n", "policy.toml")


@pytest.mark.parametrize("named", ["nowhere.toml", "/", "tests/registration"])
def test_file_that_cannot_be_read_is_named(named: str) -> None:
    with pytest.raises(FaultyPolicy, match="can't be read"):
        load_policy(named)
