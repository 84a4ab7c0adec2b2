"""The effect of each cache of the hash resolver: CPU time to resolve rows without it, relative to the time with it."""

import base64
import hashlib
import time
from collections.abc import Iterator, Mapping, Sequence

from bench import store
from bench.setting import Setting
from bench.table import Row
from service.loading.hashes import HashResolver
from service.loading.sources import Source

CACHES = {
    "_alike": "hashes that parse alike",
    "_shapes": "shapes of hashes that describe themselves",
    "_recipes": "recipes of rows with columns of their own",
    "_prepared": "formats and peppers of recipes",
}


class _Forgetful(dict):  # type: ignore[type-arg]  # it takes the place of caches of any type
    """A cache that is always empty."""

    def get(self, _key: object, _default: object = None) -> None:
        """Return None."""


def rows(setting: Setting) -> Iterator[Row]:
    """Resolve an export of mixed hashes, round by round, with all caches and without one of them."""
    export = _export(200 if setting.quick else 4_000)
    for cache, title in CACHES.items():
        ratios = [_seconds(export, without=cache) / _seconds(export) for _ in range(setting.rounds)]
        yield Row(f"CPU time to resolve rows without the cache of {title}", ratios, "with it")


def _seconds(export: Sequence[tuple[Mapping[str, object], str]], *, without: str | None = None) -> float:
    resolver = HashResolver(Source("shop"), {})
    if without is not None:
        setattr(resolver, without, _Forgetful())
    begin = time.process_time()
    for fields, text in export:
        resolver.resolve(fields, text, "kim@example.com")
    return time.process_time() - begin


def _export(number: int) -> list[tuple[Mapping[str, object], str]]:
    """Return rows of bcrypt, `{SSHA}`, PBKDF2 with a prefix, and a salted digest whose row names its formula."""
    export: list[tuple[Mapping[str, object], str]] = []
    bcrypt = store.bcrypt_hash(4)
    for each in range(number):
        digest = hashlib.sha256(str(each).encode()).digest()
        in_base64 = base64.b64encode(digest).decode()
        export += [
            ({}, bcrypt),
            ({}, "{SSHA}" + base64.b64encode(digest[:28]).decode()),
            ({}, f"pbkdf2_sha256$600000$salt{each:08}${in_base64}"),
            ({"format": "sha256($salt.$pass)", "salt": f"s{each}"}, digest.hex()),
        ]
    return export
