"""Stand-ins that the registry can name in a test, and that remember how they were made."""

from kodo.models.transport import Transport


class KeptTransport(Transport):
    """A transport that remembers the proxy and the certificates of the last one made."""

    last: dict[str, str | None] = {}  # noqa: RUF012

    def __init__(self, *, ca_file: str | None = None, proxy: str | None = None) -> None:
        super().__init__(ca_file=ca_file, proxy=proxy)
        KeptTransport.last = {"ca_file": ca_file, "proxy": proxy}
