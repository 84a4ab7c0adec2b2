"""The choice of dummy hashes for missing ones, and the kinds of checks for which a full pool is asked."""

from collections.abc import Sequence

from service.signin.dummy_hashes import FEW, DummyHashes, load_dummy_hashes
from service.store.recipes import KeptRecipe
from service.stored_hashes import HashOpener

MD5 = {"hash": "5f4dcc3b5aa765d61d8327deb882cf99"}


def bcrypt(cost: int, loaded: int = 1) -> KeptRecipe:
    dummy_hash = {"hash": f"$2b${cost:02}$abcdefghijklmnopqrstuuOnA5Ur8fKuy3VTcScDQ2vqfKBcEnQpK"}
    return KeptRecipe(cost, "bcrypt", {}, f"bcrypt {cost}", dummy_hash, loaded)


def made(*recipes: KeptRecipe) -> DummyHashes:
    return load_dummy_hashes(recipes, HashOpener({}))


def kinds(*recipes: KeptRecipe) -> Sequence[str]:
    return [check.cost for check in made(*recipes).kinds]


def test_a_recipe_that_no_hash_was_loaded_with_is_not_a_dummy_hash() -> None:
    assert [check.cost for check in made(bcrypt(4, loaded=0), bcrypt(5)).checks] == ["bcrypt 5"]


def test_a_full_pool_is_asked_about_each_cost_once() -> None:
    assert kinds(bcrypt(4), bcrypt(5), bcrypt(4)) == ["bcrypt 4", "bcrypt 5"]


def test_a_pool_is_asked_about_nothing_where_some_hashes_need_no_worker() -> None:
    assert kinds(bcrypt(4), KeptRecipe(1, "md5", {}, "md5", MD5, 1)) == []


def test_a_pool_is_asked_about_nothing_where_there_are_many_costs() -> None:
    assert len(kinds(*map(bcrypt, range(4, 4 + FEW)))) == FEW
    assert kinds(*map(bcrypt, range(4, 5 + FEW))) == []


def test_the_share_of_each_recipe_begins_where_the_one_before_it_ends() -> None:
    dummy_hashes = made(bcrypt(4, loaded=1), bcrypt(5, loaded=1))
    half = (1 << 63).to_bytes(8, "big")
    below = ((1 << 63) - 1).to_bytes(8, "big")
    chosen = [
        dummy_hashes.choose("nobody", digest).hashes[0].hash[:7] for digest in (bytes(8), below, half, b"\xff" * 8)
    ]
    assert chosen == [b"$2b$04$", b"$2b$04$", b"$2b$05$", b"$2b$05$"]
