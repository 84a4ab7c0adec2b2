"""The one way by which the bytes of a hash go into the store. Knows no format and no key yet."""


def seal(login_key: str, hash_text: str) -> tuple[bytes, str | None]:  # noqa: ARG001 (what a sealed hash is bound to)
    """Give what is kept of a hash, and the id of the key that it is kept under (None: as it is).

    The same hash must always give the same bytes: a load compares them to see whether an account changed.
    """
    return hash_text.encode("utf-8"), None
