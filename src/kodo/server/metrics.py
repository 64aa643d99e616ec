"""Counts of what the server does, in the text format of Prometheus.

Written here because it is forty lines and a client library is thousands. Guards that labels come
from the server (endpoint, model, status) and never from what a client wrote.
"""

from collections import defaultdict
from collections.abc import Iterator

from kodo.core.messages import Usage

BUCKETS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class _Histogram:
    __slots__ = ("buckets", "count", "total")

    def __init__(self) -> None:
        self.buckets = [0] * len(BUCKETS_S)
        self.count = 0
        self.total = 0.0

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        for index, bound in enumerate(BUCKETS_S):
            if value <= bound:
                self.buckets[index] += 1


class Metrics:
    """Counters, gauges and histograms of one server."""

    __slots__ = ("_calls", "_first", "_requests", "_taken", "_tokens", "connections")

    def __init__(self) -> None:
        self.connections = 0
        self._requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._calls: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self._tokens: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._first: defaultdict[str, _Histogram] = defaultdict(_Histogram)
        self._taken: defaultdict[str, _Histogram] = defaultdict(_Histogram)

    def request(self, path: str, status: int) -> None:
        """Count an HTTP request that was answered; `path` is that of the route."""
        self._requests[path, status] += 1

    def model_call(
        self,
        endpoint: str,
        model_id: str,
        status: str,
        first_s: float,
        taken_s: float,
        usage: Usage | None,
    ) -> None:
        """Count a model call and what it took."""
        self._calls[endpoint, model_id, status] += 1
        self._first[model_id].add(first_s)
        self._taken[model_id].add(taken_s)
        if usage is not None:
            self._tokens[model_id, "input"] += usage.input_tokens
            self._tokens[model_id, "cached"] += usage.cached_tokens
            self._tokens[model_id, "output"] += usage.output_tokens

    def text(self, in_flight: int) -> str:
        """Return everything in the text format, version 0.0.4."""
        return "\n".join([*self._lines(in_flight), ""])

    def _lines(self, in_flight: int) -> Iterator[str]:
        yield from _head("kodo_in_flight", "gauge", "Model calls that run now.")
        yield f"kodo_in_flight {in_flight}"
        yield from _head("kodo_websocket_connections", "gauge", "WebSockets that are open.")
        yield f"kodo_websocket_connections {self.connections}"
        yield from _head("kodo_http_requests_total", "counter", "HTTP requests answered.")
        for (path, status), count in sorted(self._requests.items()):
            yield f"kodo_http_requests_total{_labels(path=path, status=str(status))} {count}"
        yield from _head("kodo_model_calls_total", "counter", "Model calls by how they ended.")
        for (endpoint, model, status), count in sorted(self._calls.items()):
            labels = _labels(endpoint=endpoint, model=model, status=status)
            yield f"kodo_model_calls_total{labels} {count}"
        yield from _head("kodo_tokens_total", "counter", "Tokens; cached are part of input.")
        for (model, kind), count in sorted(self._tokens.items()):
            yield f"kodo_tokens_total{_labels(model=model, kind=kind)} {count}"
        for name, help_text, histograms in (
            ("kodo_first_piece_seconds", "Until the first piece of a reply.", self._first),
            ("kodo_model_call_seconds", "Until a reply was whole.", self._taken),
        ):
            yield from _head(name, "histogram", help_text)
            for model, histogram in sorted(histograms.items()):
                for bound, count in zip(BUCKETS_S, histogram.buckets, strict=True):
                    yield f"{name}_bucket{_labels(model=model, le=f'{bound:g}')} {count}"
                yield f"{name}_bucket{_labels(model=model, le='+Inf')} {histogram.count}"
                yield f"{name}_sum{_labels(model=model)} {histogram.total:.6f}"
                yield f"{name}_count{_labels(model=model)} {histogram.count}"


def _head(name: str, kind: str, help_text: str) -> Iterator[str]:
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} {kind}"


def _labels(**labels: str) -> str:
    inner = ",".join(
        f'{name}="{value.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34))}"'
        for name, value in labels.items()
    )
    return f"{{{inner}}}"
