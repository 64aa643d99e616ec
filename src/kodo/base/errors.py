"""The one error tree of kodo.

KodoError
├── ConfigError            a flag, file, variable or model id is wrong; nothing has run yet
├── ModelError             a provider or the engine failed (retryable, retry_after_s, status)
│   ├── AuthError          the key is missing, wrong or has no right to this model
│   ├── Overloaded         429, 5xx or a busy engine: worth another try
│   ├── ContextOverflow    the prompt does not fit the model's window
│   └── Refused            the provider refused the request as a matter of policy
├── ToolError              a tool was used wrongly; its text goes to the model
├── SandboxError           the jail itself is broken (a failing command is a result, not an error)
├── LimitReached           the run's budget is spent
├── StoreError             the log or the blobs cannot be read or written
│   └── NotStored          no session or entry of that name is kept
└── ProtocolError          a peer said something that its protocol does not allow

A message names the thing with `!r`, the value, the limit and the way out.
"""


class KodoError(Exception):
    """The root of all errors that kodo raises on purpose."""


class ConfigError(KodoError):
    """What the user set cannot be used. Raised before anything runs."""


class ModelError(KodoError):
    """A model call failed.

    `retryable` tells whether the same call may succeed later, `retry_after_s` what the provider
    asked us to wait (seconds), `status` the HTTP status where there was one.
    """

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = False,
        retry_after_s: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.retry_after_s = retry_after_s
        self.status = status


class AuthError(ModelError):
    """The key is missing, wrong or not allowed to use this model."""


class Overloaded(ModelError):
    """The provider is busy or failing; the call may be tried again."""

    def __init__(
        self,
        message: str,
        *,
        retryable: bool = True,
        retry_after_s: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, retryable=retryable, retry_after_s=retry_after_s, status=status)


class ContextOverflow(ModelError):
    """The prompt is larger than the model's window.

    `limit_tokens` is the window and `prompt_tokens` the size of the prompt, where the provider
    says so.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        limit_tokens: int | None = None,
        prompt_tokens: int | None = None,
    ) -> None:
        super().__init__(message, status=status)
        self.limit_tokens = limit_tokens
        self.prompt_tokens = prompt_tokens


class Refused(ModelError):
    """The provider refused to answer as a matter of policy."""


class ToolError(KodoError):
    """A tool was called wrongly. The message is shown to the model, so it says what to do."""


class SandboxError(KodoError):
    """The sandbox could not be built or has broken down."""


class LimitReached(KodoError):
    """A limit of the run is spent.

    `limit` is the name of the field of `kodo.core.limits.Limits`.
    """

    def __init__(self, limit: str, message: str) -> None:
        super().__init__(message)
        self.limit = limit


class StoreError(KodoError):
    """The store cannot be read or written, or what it holds is damaged."""


class NotStored(StoreError):
    """The store is whole, but holds nothing by the name that was given, or several."""


class ProtocolError(KodoError):
    """A peer broke its own protocol."""
