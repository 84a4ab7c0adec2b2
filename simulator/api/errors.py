"""Okta's error bodies."""

from collections.abc import Mapping, Sequence

from aiohttp import web

from simulator.channel import JsonObject

SUMMARIES = {
    "E0000001": (400, "Api validation failed"),
    "E0000003": (400, "The request body was not well-formed."),
    "E0000004": (401, "Authentication failed"),
    "E0000006": (403, "You do not have permission to perform the requested action"),
    "E0000007": (404, "Not found: Resource not found"),
    "E0000009": (500, "Internal Server Error"),
    "E0000010": (503, "Service is in read only mode"),
    "E0000011": (401, "Invalid token provided"),
    "E0000014": (403, "Update of credentials failed"),
    "E0000016": (403, "Activation failed because the user is already active"),
    "E0000022": (405, "The endpoint does not support the provided HTTP method"),
    "E0000031": (400, "The supplied combination of operator and field is not currently supported."),
    "E0000047": (429, "API call exceeded rate limit due to too many requests."),
    "E0000053": (400, "Invalid filter"),
    "E0000093": (400, "Target count limit exceeded"),
    "E0000134": (502, "Okta could not communicate correctly with an inline hook."),
    "E0000135": (400, "An inline hook responded with an error."),
    "E0000137": (504, "Okta did not receive a response from an inline hook."),
}


class ApiError(Exception):
    """The call is rejected with one of Okta's codes."""

    def __init__(
        self, code: str, *causes: str, summary: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.causes: Sequence[str] = causes
        self.summary = summary
        self.headers = headers

    def response(self, error_id: str) -> web.Response:
        """Return the error in Okta's form."""
        status, known = SUMMARIES[self.code]
        body: JsonObject = {
            "errorCode": self.code,
            "errorSummary": self.summary or known,
            "errorLink": self.code,
            "errorId": f"oae{error_id}",
            "errorCauses": [{"errorSummary": cause} for cause in self.causes],
        }
        return web.json_response(body, status=status, headers=self.headers)
