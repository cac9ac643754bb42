"""Times and rates as people read them. No I/O."""

SECONDS_A_MINUTE, MINUTES_AN_HOUR, HOURS_A_DAY = 60, 60, 24
MANY = 10  # from here on, decimals say nothing


def duration(seconds: float) -> str:
    """Return a time as people read it: ``4:10``, ``1:02:03``, ``2 d 3 h``."""
    minutes, rest = divmod(max(0, int(seconds)), SECONDS_A_MINUTE)
    hours, minutes = divmod(minutes, MINUTES_AN_HOUR)
    if hours >= HOURS_A_DAY:
        return f"{hours // HOURS_A_DAY} d {hours % HOURS_A_DAY} h"
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def speed(rate: float) -> str:
    """Return a rate as people read it: in a second, a minute or an hour."""
    for unit, factor in (("s", 1), ("min", SECONDS_A_MINUTE)):
        if rate * factor >= 1:
            return f"{_number(rate * factor)}/{unit}"
    return f"{_number(rate * SECONDS_A_MINUTE * MINUTES_AN_HOUR)}/h"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= MANY else f"{value:.1f}"
