"""Stand-ins that the registry can name in a test, and that remember how they were made."""

from kodo.models.transport import Transport
from kodo.tools.fetch import Fetch, FindProxy, no_proxy


class KeptTransport(Transport):
    """A transport that remembers the proxy and the certificates of the last one made."""

    last: dict[str, str | None] = {}  # noqa: RUF012

    def __init__(self, *, ca_file: str | None = None, proxy: str | None = None) -> None:
        super().__init__(ca_file=ca_file, proxy=proxy)
        KeptTransport.last = {"ca_file": ca_file, "proxy": proxy}


class KeptFetch(Fetch):
    """A fetch tool that shows what the last one was made with."""

    proxy: FindProxy = staticmethod(no_proxy)
    ca_file: str | None = None

    def __init__(self, *, proxy: FindProxy, ca_file: str | None) -> None:
        super().__init__(proxy=proxy, ca_file=ca_file)
        KeptFetch.proxy = staticmethod(proxy)
        KeptFetch.ca_file = ca_file
