"""What a provider's refusal means."""

import pytest

from kodo.base.errors import AuthError, ContextOverflow, ModelError, Overloaded, Refused
from kodo.models.failures import Problem, error_of, read_problem, shown_url

URL = "https://api.maker.test/v1/chat"

OVERFLOWS: list[tuple[str, int | None, int | None]] = [
    ("This model's maximum context length is 8192 tokens.", 8192, None),
    ("the request exceeds the available context size. try increasing the context size", None, None),
    ("request (9035 tokens) exceeds the available context size (8192 tokens)", 8192, 9035),
    ("prompt is too long: 214210 tokens > 200000 maximum", 200000, 214210),
    (
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease it",
        200000,
        190000,
    ),
    (
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        1048576,
        1200000,
    ),
    (
        "This model's maximum context length is 4096 tokens. However, you requested 4500 tokens"
        " (4244 in the messages, 256 in the completion).",
        4096,
        4244,
    ),
    (
        "This model's maximum context length is 128,000 tokens. Your messages have 130,012.",
        128000,
        130012,
    ),
]


@pytest.mark.parametrize(("message", "limit", "prompt"), OVERFLOWS)
def test_the_ways_to_say_overflow(message: str, limit: int | None, prompt: int | None) -> None:
    error = error_of(Problem(message, status=400), provider="p", url=URL)
    assert isinstance(error, ContextOverflow)
    assert (error.limit_tokens, error.prompt_tokens) == (limit, prompt)


@pytest.mark.parametrize(
    ("status", "message", "kind", "retryable"),
    [
        (401, "no key", AuthError, False),
        (403, "not your model", AuthError, False),
        (403, "your input was flagged", Refused, False),
        (402, "Insufficient credits", ModelError, False),
        (429, "You exceeded your current quota, check your billing details", ModelError, False),
        (429, "limit of 40000 input tokens per minute: too many tokens", Overloaded, True),
        (408, "", Overloaded, True),
        (500, "", Overloaded, True),
        (529, "Overloaded", Overloaded, True),
        (501, "", ModelError, False),
        (400, "unknown field 'x'", ModelError, False),
        (404, "no such model", ModelError, False),
        (301, "", ModelError, False),
    ],
)
def test_statuses(status: int, message: str, kind: type[ModelError], retryable: bool) -> None:
    error = error_of(Problem(message, status=status), provider="p", url=URL)
    assert type(error) is kind
    assert error.retryable is retryable
    assert error.status == status
    assert f"'p' at {URL} answered {status}" in str(error)


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (b'{"error":{"message":"m","code":"c","type":"t"}}', "m", "c"),
        (b'{"error":{"message":"m","code":400}}', "m", "400"),
        (b'{"error":"m"}', "m", ""),
        (b'{"detail":"m"}', "m", ""),
        (b'{"detail":[{"loc":["body"],"msg":"bad"}]}', "[{'loc': ['body'], 'msg': 'bad'}]", ""),
        (b'[{"error":{"message":"m"}}]', "m", ""),
        (b"plain words", "plain words", ""),
        (b"<html><head><title>502 Bad\nGateway</title></head>", "502 Bad\nGateway", ""),
        (b"<p>", "an HTML page", ""),
        (b"", "", ""),
        (b"null", "None", ""),
        (b"\xff\xfe", "\ufffd\ufffd", ""),
    ],
)
def test_error_bodies_of_all_shapes(body: bytes, message: str, code: str) -> None:
    problem = read_problem(body, 400)
    assert (problem.message, problem.code, problem.status) == (message, code, 400)


def test_a_long_body_is_cut() -> None:
    assert len(read_problem(b"x" * 100_000).message) == 400


def test_a_status_in_the_code_of_a_stream_error_counts() -> None:
    assert read_problem(b'{"error":{"message":"m","code":502}}').status == 502


def test_the_wait_in_the_message_counts_where_no_header_came() -> None:
    problem = Problem("Please try again in 1m2.5s.", status=429)
    assert error_of(problem, provider="p", url=URL).retry_after_s == 62.5
    problem = Problem("try again in 300ms", status=429)
    assert error_of(problem, provider="p", url=URL).retry_after_s == 0.3
    assert error_of(problem, provider="p", url=URL, retry_after_s=9).retry_after_s == 9


def test_secrets_of_a_url_are_not_shown() -> None:
    assert shown_url("http://me:pw@[::1]:8/v1?key=k#f") == "http://[::1]:8/v1"


def test_an_error_kind_of_a_key_without_status() -> None:
    problem = Problem("bad key", kind="authentication_error")
    assert isinstance(error_of(problem, provider="p", url=URL), AuthError)
