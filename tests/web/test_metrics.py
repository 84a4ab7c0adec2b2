"""The metrics about the store."""

from datetime import UTC, datetime

import asyncpg
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from service.app import make_admin_app
from service.web.parts import Parts


async def test_the_last_reconciling_is_shown_and_0_where_there_was_none(parts: Parts, pool: asyncpg.Pool) -> None:
    client: TestClient[web.Request, web.Application]
    async with TestClient(TestServer(make_admin_app(parts))) as client:

        async def reconciled() -> dict[str, float]:
            text = await (await client.get("/metrics")).text()
            families = {family.name: family for family in text_string_to_metric_families(text)}
            samples = families["password_import_reconciled_timestamp_seconds"].samples
            return {sample.labels["work"]: sample.value for sample in samples}

        assert await reconciled() == {"log": 0, "users": 0}
        read, compared = datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)
        insert = "INSERT INTO log_cursors VALUES ($1, '', $2, NULL, $3)"
        await pool.executemany(insert, [("a.example", read, None), ("b.example", compared, compared)])
        assert await reconciled() == {"log": read.timestamp(), "users": compared.timestamp()}
        await pool.execute("DROP TABLE log_cursors")
        assert await reconciled() == {"log": read.timestamp(), "users": compared.timestamp()}
