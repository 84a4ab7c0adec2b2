"""The service inside a benchmark process, so that its loop and its memory can be measured from within."""

import gc
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from pydantic import SecretStr

from bench.http_client import PASSWORD, USER
from service.app import freeze_startup_objects, make_app, make_parts, open_database
from service.settings import Settings
from service.telemetry import configure_logging
from service.web.server import listening


@asynccontextmanager
async def service_here(database_url: str) -> AsyncIterator[int]:
    """Serve like `serve`, and yield the port."""
    configure_logging("error")
    # The validated fields are set by name; an environment would be needed for the variables' names.
    settings = Settings(_env_file=None).model_copy(
        update={
            "database_url": SecretStr(database_url),
            "basic_auth_user": USER,
            "basic_auth_password": SecretStr(PASSWORD),
        }
    )
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings))
        parts = await stack.enter_async_context(make_parts(settings, database))
        url = await stack.enter_async_context(listening("service", make_app(parts), "127.0.0.1", 0))
        freeze_startup_objects()
        yield int(url.rpartition(":")[2])
    gc.unfreeze()
