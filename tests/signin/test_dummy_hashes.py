"""A dummy hash is stored, created and opened like the hash of an account, so that it takes equally long."""

from service.signin.dummy_hashes import load_dummy_hashes
from service.store.encryption import HashKeys
from service.store.recipes import KeptRecipe
from service.stored_hashes import HashOpener

DIGEST = "5f4dcc3b5aa765d61d8327deb882cf99"
MD5 = KeptRecipe(1, "md5", {}, "md5", {"hash": DIGEST}, hashes_loaded=3)
SHA1 = KeptRecipe(2, "sha1", {}, "sha1", {"hash": DIGEST + DIGEST[:8]}, hashes_loaded=1)


def test_where_hashes_are_encrypted_dummy_hashes_are_too() -> None:
    opener = HashOpener({}, HashKeys({"k1": bytes(32)}, require_encrypted=True))
    kept = opener.stored_dummy_hash(MD5)
    assert (kept.key_id, DIGEST.encode() in kept.hash) == ("k1", False)
    (chosen,) = load_dummy_hashes([MD5], opener).choose("nobody@example.com", bytes(16)).hashes
    assert opener.open(kept).cost == opener.open(chosen).cost


def test_a_dummy_hash_is_made_at_each_call() -> None:
    dummy_hashes = load_dummy_hashes([MD5], HashOpener({}))
    first, second = (dummy_hashes.choose("nobody@example.com", b"a digest").hashes[0] for _ in range(2))
    assert first == second
    assert first is not second


def test_dummy_hashes_are_chosen_in_the_proportions_in_which_hashes_were_loaded() -> None:
    dummy_hashes = load_dummy_hashes([MD5, SHA1], HashOpener({}))
    digests = [first.to_bytes() + bytes(15) for first in range(256)]
    chosen = [dummy_hashes.choose("nobody@example.com", digest).hashes[0].format for digest in digests]
    assert (chosen.count("md5"), chosen.count("sha1")) == (192, 64)


def test_a_recipe_that_cannot_be_opened_stands_for_nobody() -> None:
    lacking = KeptRecipe(2, "md5", {"pepper_env": "UNSET"}, "md5", {"hash": DIGEST}, hashes_loaded=9)
    dummy_hashes = load_dummy_hashes([lacking], HashOpener({}))
    assert [check.cost for check in dummy_hashes.checks] == ["bcrypt 10"]
