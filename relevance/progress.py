"""How a long piece of work goes on, in words."""


def pace(done: int, total: int, seconds: float) -> str:
    """How much is done, how fast, and how long the rest will take.

    >>> pace(500, 2000, 10.0)
    '500 of 2,000, 50/s, 30 s to go'
    >>> pace(10, 40, 20.0)
    '10 of 40, 0.50/s, 60 s to go'
    """
    seconds = max(seconds, 1e-9)
    each_second = done / seconds
    spoken = f"{each_second:,.0f}" if each_second >= 10 else f"{each_second:.2f}"
    return f"{done:,} of {total:,}, {spoken}/s, {(total - done) / each_second:,.0f} s to go"
