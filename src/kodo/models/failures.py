"""What a provider's refusal means: HTTP status and error body to the error tree of kodo.

Does not open connections. Guards secrets: messages name the URL without user, password and query.
"""

import re
from urllib.parse import urlsplit, urlunsplit

import msgspec

from kodo.base.errors import (
    AuthError,
    ContextOverflow,
    ModelError,
    Overloaded,
    Refused,
)
from kodo.base.log import redact
from kodo.models import payload

MAX_SHOWN = 400

_OVERFLOW = (
    r"context[ _-]?(length|window|size|limit)|maximum (context|prompt) length|prompt is too long"
    r"|input is too long|too many (input )?tokens|exceeds? the (model'?s )?(max|context|available)"
    r"|reduce the length of the messages|request_too_large|input length .* exceed"
)
_SIZE = r"\b\d[\d,]{2,}\b"
_LIMITS = (  # the first that fits tells the window
    r"> *(\d[\d,]{2,})",
    r"(?:maximum|limit|window|available|allowed|context size)[^\d]{0,40}(\d[\d,]{2,})",
)
_REFUSED = (
    r"content[_ ](policy|filter)|usage polic|invalid_prompt|safety system|moderation|flagged"
    r"|cyber_policy"
)
_NO_MONEY = r"insufficient_quota|billing|credit balance|usage_not_included|insufficient credits"
_BUSY_CODES = frozenset(
    {
        "rate_limit_exceeded",
        "rate_limit_error",
        "overloaded_error",
        "overloaded",
        "server_error",
        "server_is_overloaded",
        "slow_down",
        "api_error",
        "timeout_error",
        "internal_error",
        "internal_server_error",
        "service_unavailable",
        "vector_store_timeout",
    }
)
_KEY_KINDS = frozenset({"authentication_error", "permission_error", "invalid_api_key"})
_WAIT_HINT = r"try again in (?:(\d+)m)?(\d+(?:\.\d+)?)(ms|s)"


class Problem(msgspec.Struct, frozen=True):
    """What a provider says went wrong. `code` and `kind` are its own words, or empty."""

    message: str
    code: str = ""
    kind: str = ""
    status: int | None = None

    @property
    def words(self) -> str:
        """Everything the provider said, for matching."""
        return f"{self.code} {self.kind} {self.message}"


def shown_url(url: str) -> str:
    """Return the URL as people may see it: without user, password, query and fragment."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def read_problem(body: bytes, status: int | None = None) -> Problem:
    """Return what an error body says, whichever of the usual shapes it has.

    Known: `{"error": {message, code, type}}`, `{"error": text}`, `{"message": …}`,
    `{"detail": …}`, a list of those, plain text and HTML.
    """
    text = body.decode("utf-8", "replace").strip()
    try:
        value = payload.decode(body, object, "the error body")
    except ModelError:
        if text.startswith("<"):
            title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
            text = title[1].strip() if title else "an HTML page"
        return Problem(text[:MAX_SHOWN], status=status)
    return problem_of(value, status)


def problem_of(value: object, status: int | None = None) -> Problem:
    """Return what a decoded error value says."""
    if isinstance(value, list) and value:
        return problem_of(value[0], status)  # pyright: ignore[reportUnknownArgumentType]
    if not isinstance(value, dict):
        return Problem(str(value)[:MAX_SHOWN], status=status)  # pyright: ignore[reportUnknownArgumentType]
    fields = msgspec.convert(value, dict[str, object], strict=False)
    inner = fields.get("error")
    if isinstance(inner, dict):
        fields = msgspec.convert(inner, dict[str, object], strict=False)
    elif isinstance(inner, str):
        return Problem(inner[:MAX_SHOWN], str(fields.get("code") or ""), status=status)
    message = fields.get("message") or fields.get("detail") or fields
    code, kind = fields.get("code"), fields.get("type")
    if status is None and isinstance(code, int) and 400 <= code < 600:
        status = code  # OpenRouter puts the HTTP status into `code` of an error in the stream
    return Problem(str(message)[:MAX_SHOWN], str(code or ""), str(kind or ""), status)


def error_of(
    problem: Problem, *, provider: str, url: str, retry_after_s: float | None = None
) -> ModelError:
    """Return the error of kodo that `problem` is, with a message that says the way out."""
    status = problem.status
    said = redact(problem.message) or "no explanation"
    where = f"provider {provider!r} at {shown_url(url)}"
    answered = f"{where} answered {status}" if status is not None else f"{where} failed"
    if retry_after_s is None:
        retry_after_s = _hinted_wait_s(problem.message)
    if (status in (401, 403) or problem.kind in _KEY_KINDS) and not _says(problem, _REFUSED):
        return AuthError(
            f"{answered}: {said}; set a key that may use this model (`kodo config show` tells which"
            " variable is read)",
            status=status,
        )
    if status in (402, 429) and _says(problem, _NO_MONEY):
        return ModelError(
            f"{answered}: {said}; the account has no credit left: add some, or use another model",
            status=status,
        )
    if _is_client_fault(status) and _is_overflow(problem):
        limit_tokens, prompt_tokens = _sizes(problem.message)
        return ContextOverflow(
            f"{answered}: {said}; the prompt does not fit: shorten it or use a larger model",
            status=status,
            limit_tokens=limit_tokens,
            prompt_tokens=prompt_tokens,
        )
    if _is_client_fault(status) and _says(problem, _REFUSED):
        return Refused(f"{answered}: {said}; rephrase the task or use another model", status=status)
    if _is_busy(status, problem):
        return Overloaded(
            f"{answered}: {said}; it is busy or broken: try again later, or use another model",
            retry_after_s=retry_after_s,
            status=status,
        )
    if status == 404:
        return ModelError(
            f"{answered}: {said}; check the base_url and the model's name", status=status
        )
    if status is not None and 300 <= status < 400:
        return ModelError(f"{answered}, a redirect; set base_url to its target", status=status)
    return ModelError(
        f"{answered}: {said}; the request is not accepted as it is: check the model's name and"
        " what it can do",
        status=status,
    )


def _says(problem: Problem, pattern: str) -> bool:
    # Compiled when the first failure comes: most runs have none.
    return re.search(pattern, problem.words, re.IGNORECASE) is not None


def _is_client_fault(status: int | None) -> bool:
    return status is None or (400 <= status < 500 and status != 429) or status == 500


def _is_overflow(problem: Problem) -> bool:
    return "rate_limit" not in problem.words and _says(problem, _OVERFLOW)


def _sizes(message: str) -> tuple[int | None, int | None]:
    """Return (window, prompt) in tokens, as far as an overflow's message names them.

    "190000 + 20000 > 200000" and "requested 4500 tokens (4244 in the messages, ...)" name what was
    asked for the reply as well; the prompt is the part that can be shortened.
    """
    sizes = [int(digits.replace(",", "")) for digits in re.findall(_SIZE, message)]
    limits = (re.search(pattern, message, re.IGNORECASE) for pattern in _LIMITS)
    found = next(filter(None, limits), None)
    if found is None:
        return None, None
    limit = int(found[1].replace(",", ""))
    named = re.search(rf"({_SIZE}) in the (?:messages|prompt)", message)
    if named:
        return limit, int(named[1].replace(",", ""))
    summed = re.search(rf"({_SIZE}) \+ {_SIZE} >", message)
    if summed:
        return limit, int(summed[1].replace(",", ""))
    return limit, next((size for size in sizes if size > limit), None)


def _is_busy(status: int | None, problem: Problem) -> bool:
    if status is not None and (status in (408, 409, 425, 429) or status >= 500):
        return status != 501
    if status is not None:
        return False
    return bool({problem.code, problem.kind} & _BUSY_CODES)


def _hinted_wait_s(message: str) -> float | None:
    found = re.search(_WAIT_HINT, message, re.IGNORECASE)
    if not found:
        return None
    seconds = float(found[2]) / (1000 if found[3].lower() == "ms" else 1)
    return seconds + 60 * int(found[1] or 0)
