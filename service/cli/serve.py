"""The command `serve`: runs the service."""

from service.cli.okta_options import prepare, run
from service.hardening import hide_memory


def serve() -> None:
    """Run the service until SIGTERM or Ctrl-C.

    Okta calls HOST:PORT (127.0.0.1:8082). The status page, /metrics and /status.json are on ADMIN_HOST:ADMIN_PORT
    (127.0.0.1:8083).
    Okta must be authenticated: set BASIC_AUTH_USER and BASIC_AUTH_PASSWORD, or HOOK_SECRETS.
    """
    from service.app import serve as run_service

    hide_memory()
    run(run_service(prepare(log_level="info")))
