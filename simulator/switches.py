"""The faults that can be simulated, as plain settings that are read where each fault happens."""

from dataclasses import dataclass


@dataclass
class Switches:
    """Faults, all off by default. A rate is a probability from 0 to 1, drawn from the org's seed."""

    read_only: bool = False
    """Writes fail: VERIFIED signs in but is not stored (a FAILURE event); management writes get 503 E0000010."""
    drop: float = 0.0
    """Events that are never delivered to hooks but appear in the System Log."""
    duplicate: float = 0.0
    """Events that are repeated in another delivery, and deliveries that are repeated unchanged."""
    reorder: float = 0.0
    """Batches that arrive newest first, split in two."""
    late: float = 0.0
    """Events that arrive `late_by` seconds after the others."""
    late_by: float = 2.0
    omit_nulls: float = 0.0
    """Deliveries without null members, as Okta's were in 2019."""
    foreign_events: bool = False
    """Events of types that a hook is not subscribed to are included."""
    report_unverified: bool = True
    """UNVERIFIED causes a FAILURE event. Okta's pages disagree: by the API reference every call causes one."""
    fresh_event_id_on_retry: bool = False
    """The retry of an inline call has another `eventId`; Okta's pages only imply that it is the same."""
    lost_answers: float = 0.0
    """Management calls that succeed but whose answer is lost with the connection."""
    api_errors: float = 0.0
    """Management calls that fail with 500 E0000009 and have no effect."""
    latency: float = 0.0
    """Seconds added to every management call."""
    search_lag: float = 0.0
    """Seconds until `search` finds a changed user; Okta's search is eventually consistent."""
    log_delay: float = 0.0
    """Seconds between an event's `published` and its appearance in the System Log."""
    short_name_first: bool = False
    """A typed name without `@` is looked up as a short name first, and then as a login; Okta documents no order."""
    warm_up: float = 0.0
    """Seconds after a verification in which an event hook gets no events yet; Okta says "several minutes"."""
