"""What can be made to go wrong in the org. Plain settings, read wherever the fault would happen."""

from dataclasses import dataclass


@dataclass
class Switches:
    """Faults, all off at first. A rate is a chance from 0 to 1, drawn from the org's seed."""

    read_only: bool = False
    """Writes fail: VERIFIED signs in but isn't stored (a FAILURE event); management writes get 503 E0000010."""
    drop: float = 0.0
    """Events that are never delivered to hooks; the System Log has them all the same."""
    duplicate: float = 0.0
    """Events that come again in another delivery, and deliveries that are sent again as they were."""
    reorder: float = 0.0
    """Batches that arrive newest first, split in two."""
    late: float = 0.0
    """Events that come `late_by` seconds later than the others."""
    late_by: float = 2.0
    omit_nulls: float = 0.0
    """Deliveries that leave null members out, as Okta's did in 2019."""
    foreign_events: bool = False
    """Events of types that a hook didn't ask for come along too."""
    report_unverified: bool = True
    """UNVERIFIED makes a FAILURE event. Okta's pages disagree on it: the API reference says every call makes one."""
    fresh_event_id_on_retry: bool = False
    """The retry of an inline call has another `eventId`; Okta's pages only imply that it is the same."""
    lost_answers: float = 0.0
    """Management calls whose work is done and whose answer is lost with the connection."""
    api_errors: float = 0.0
    """Management calls that end with 500 E0000009, nothing done."""
    latency: float = 0.0
    """Seconds that every management call takes longer."""
    search_lag: float = 0.0
    """Seconds until `search` finds a changed user; Okta's search is eventually consistent."""
    log_delay: float = 0.0
    """Seconds between an event's `published` and its appearance in the System Log."""
    short_name_first: bool = False
    """A typed name without `@` is looked for as a short name first, and then as a login; Okta documents no order."""
    warm_up: float = 0.0
    """Seconds after a verification in which an event hook gets no events yet; Okta says "several minutes"."""
