"""The parts that handlers use, created once by `service.app`."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

from service.administration.counting import AccountCounting
from service.auth.authenticator import Authenticator
from service.auth.issuer_keys import IssuerKeys
from service.hashing.bcrypt_choice import BcryptChoice
from service.registration.screen import RegistrationScreener
from service.settings import ForgetWhen, Settings
from service.signin.verify import PasswordVerifier
from service.store.database import Database
from service.stored_hashes import HashOpener
from service.telemetry import Telemetry
from service.web.bodies import DeliveryReader
from service.web.status_page.recorder import Recorder
from service.web.status_page.view import PageFigures

PACED_AT_ONCE = 256
"""Maximum rejected calls that are held for a moment; more are answered at once, so that they use no connections."""


@dataclass(slots=True)
class Parts:
    """The running service."""

    settings: Settings
    telemetry: Telemetry
    database: Database
    opener: HashOpener
    verifier: PasswordVerifier
    screener: RegistrationScreener
    deliveries: DeliveryReader
    issuer_keys: IssuerKeys | None
    inline_authenticator: Authenticator
    event_authenticator: Authenticator
    forget_when: ForgetWhen
    revisions: tuple[str, ...]
    bcrypt: BcryptChoice
    recorder: Recorder
    counting: AccountCounting
    page_figures: PageFigures
    refusals: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PACED_AT_ONCE))


PARTS = web.AppKey("parts", Parts)
