"""Random histories for hypothesis. Few people, ids and uuids, so that collisions occur."""

from hypothesis import strategies as st

from tests.histories.steps import (
    KEYS,
    LOGINS,
    NICKNAME,
    OKTA_IDS,
    PASSWORDS,
    WRONG,
    ChangeUser,
    Crash,
    Deliver,
    Event,
    Load,
    Lose,
    Reconcile,
    Restart,
    Retire,
    RotateKeys,
    Row,
    SignIn,
    Step,
    Together,
    Wait,
)

LONGEST = 12
STATEMENTS = 14
"""The longest transaction has somewhat more, and most calls have fewer."""

logins = st.sampled_from(LOGINS)
okta_ids = st.sampled_from(OKTA_IDS)
names = st.sampled_from([*LOGINS, "ann", "bo", NICKNAME, "nobody@a.example"])
uuids = st.sampled_from([f"e{number}" for number in range(9)])
outcomes = st.sampled_from(["SUCCESS", "SUCCESS", "FAILURE"])

honest = st.sampled_from(list(zip(OKTA_IDS, LOGINS, strict=True))).flatmap(
    lambda user: st.builds(Event, uuids, st.just(user[0]), st.just(user[1]), outcomes, st.integers(-1, 3))
)
odd = st.builds(
    Event,
    uuids,
    st.none() | okta_ids,
    logins | st.just("renamed@a.example"),
    outcomes | st.just("SKIPPED"),
    st.none() | st.integers(-1, 3),
)
events = st.lists(honest | odd, min_size=1, max_size=3).map(tuple)
rows = st.builds(
    Row,
    logins,
    st.none() | st.sampled_from(PASSWORDS),
    st.none() | okta_ids,
    st.none() | st.sampled_from([(), (NICKNAME,)]),
)
loads = st.builds(Load, st.sampled_from(["old", "older"]), st.lists(rows, min_size=1, max_size=3).map(tuple))
sign_ins = st.builds(SignIn, names, st.sampled_from([*PASSWORDS, WRONG]), st.sampled_from([1, 1, 2, 6]))
deliveries = st.builds(Deliver, events)
rotations = st.builds(RotateKeys, st.sampled_from(KEYS))
calls = st.one_of(
    loads, loads, sign_ins, sign_ins, deliveries, deliveries, st.builds(Reconcile), st.builds(Retire, logins), rotations
)
steps: st.SearchStrategy[Step] = st.one_of(
    calls,
    calls,
    st.builds(Crash, calls, st.integers(0, STATEMENTS), st.booleans()),
    st.builds(Together, calls, calls),
    st.builds(Lose, events),
    st.builds(ChangeUser, okta_ids, st.sampled_from(["import", "own", "deactivated", "deleted"])),
    st.sampled_from([Wait(), Restart()]),
)
histories = st.lists(steps, min_size=1, max_size=LONGEST)
