"""The progress bar of a pull."""

import io

from kodo.cli.progress import Bar, bar_line


class Clock:
    """A clock that goes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_the_bar_tells_share_speed_and_time_left() -> None:
    assert bar_line("hub", 25_000_000, 100_000_000, 5_000_000) == (
        "hub [██████··················]  25% 25.0 MB · 5.0 MB/s · 15 s left"
    )
    assert bar_line("hub", 0, 0, 0) == "hub [························]   0% 0 B"


def test_a_terminal_gets_one_line_that_goes_away() -> None:
    stream, clock = io.StringIO(), Clock()
    bar = Bar(stream, terminal=True, clock=clock)
    for done in range(100):
        bar.show("hub", done, 100)
        clock.now += 0.01
    bar.close()
    assert "\n" not in stream.getvalue()
    assert stream.getvalue().count("hub") < 20
    assert stream.getvalue().endswith("\r\x1b[2K")


def test_elsewhere_a_line_comes_now_and_then_and_at_each_step() -> None:
    stream, clock = io.StringIO(), Clock()
    bar = Bar(stream, terminal=False, clock=clock)
    for second in range(25):
        clock.now = float(second)
        bar.show("hub" if second < 22 else "checking", second, 100)
    bar.close()
    assert [line.split()[0] for line in stream.getvalue().splitlines()] == [
        *("hub", "hub", "hub", "checking"),
    ]
    assert "\x1b" not in stream.getvalue()
