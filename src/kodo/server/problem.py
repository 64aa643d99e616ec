"""What went wrong with a request, in one shape that every wire can put into its own words.

Knows the error tree of kodo and HTTP statuses, and no wire. Guards that a failure behind the server
names the model or provider that failed, and never its key.
"""

import msgspec

from kodo.base.errors import (
    AuthError,
    ConfigError,
    ContextOverflow,
    KodoError,
    ModelError,
    Overloaded,
    Refused,
)
from kodo.base.log import redact


class Problem(msgspec.Struct, frozen=True):
    """A failure: `status` is the HTTP status, `code` a word for programs, `param` the field."""

    status: int
    code: str
    message: str
    param: str | None = None
    retry_after_s: float | None = None

    @property
    def kind(self) -> str:
        """The class of the failure, in the words of OpenAI's API."""
        if self.status in (401, 403):
            return "authentication_error"
        if self.status == 429:
            return "rate_limit_error"
        return "invalid_request_error" if self.status < 500 else "server_error"


class RequestError(KodoError):
    """A request cannot be answered; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def bad_request(
    message: str, *, code: str = "invalid_value", param: str | None = None
) -> Exception:
    """Return the error for a request that is wrong in itself (400)."""
    return RequestError(Problem(400, code, message, param))


def problem_of(error: BaseException, model_id: str) -> Problem:
    """Return what an error of a call of `model_id` is to the client."""
    text = redact(str(error)) or type(error).__name__
    match error:
        case RequestError():
            return error.problem
        case ContextOverflow():
            return Problem(400, "context_length_exceeded", text, "input")
        case Refused():
            return Problem(400, "content_policy_violation", text)
        case AuthError():
            return Problem(502, "upstream_auth", f"model {model_id!r}: {text}")
        case Overloaded() if error.status == 429:
            return Problem(429, "rate_limit_exceeded", text, None, error.retry_after_s)
        case ModelError() if error.status is not None and 400 <= error.status < 500:
            return Problem(400, "upstream_refused", f"model {model_id!r}: {text}")
        case ModelError():
            retry_after_s = error.retry_after_s
            return Problem(
                502, "upstream_failed", f"model {model_id!r}: {text}", None, retry_after_s
            )
        case ConfigError():
            return Problem(503, "model_unavailable", f"model {model_id!r}: {text}")
        case _:
            return Problem(
                500, "internal_error", f"{type(error).__name__}: this is a fault of kodo"
            )
