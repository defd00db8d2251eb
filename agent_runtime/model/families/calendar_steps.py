"""Worked steps through the calendar as text: days, months and years forward and back, by the lengths of months.

Knows no task family. ``Day`` is (year, month, day) in the Gregorian calendar.
"""

from __future__ import annotations

from agent_runtime.model.families.digits import add

Day = tuple[int, int, int]


def shown(day: Day) -> str:
    """``(1937, 12, 5)`` → ``12/05/1937``."""
    year, month, date = day
    return f"{month:02d}/{date:02d}/{year}"


def length(year: int, month: int) -> int:
    """Days of a month."""
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def move_days(day: Day, days: int) -> tuple[str, Day]:
    """Worked steps of going ``days`` forward (back where negative), and where one arrives:
    ``+10: 28+10=38; m8 31, 38-31=7; 09/07/2003``, ``-10: 7-10=-3; m8 31, 31-3=28; 08/28/2003``.
    """
    year, month, date = day
    total = date + days
    steps = [f"{days:+d}: {_sum(date, days, by_heart=10)}"]
    while total > length(year, month):
        size = length(year, month)
        steps.append(f"m{month} {size}, {total}-{size}={total - size}")
        total -= size
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    while total < 1:
        year, month = (year - 1, 12) if month == 1 else (year, month - 1)
        size = length(year, month)
        steps.append(f"m{month} {size}, {size}{total:+d}={size + total}")
        total += size
    arrived = (year, month, total)
    return " " + "; ".join([*steps, shown(arrived)]), arrived


def move_months(day: Day, months: int) -> tuple[str, Day]:
    """Worked steps of going months forward or back; the day stays, cut to the length of the month."""
    year, month, date = day
    total = month + months
    steps = [f"m{months:+d}: {month}{months:+d}={total}"]
    while total < 1 or total > 12:
        shift = -12 if total > 12 else 12
        steps.append(f"{total}{shift:+d}={total + shift}, y {year}{-shift // 12:+d}={year - shift // 12}")
        total, year = total + shift, year - shift // 12
    arrived = (year, total, min(date, length(year, total)))
    return " " + "; ".join([*steps, shown(arrived)]), arrived


def move_years(day: Day, years: int) -> tuple[str, Day]:
    """Worked step of going years forward or back; 29 February becomes the 28th where there is none."""
    year, month, date = day
    arrived = (year + years, month, min(date, length(year + years, month)))
    return f" y{years:+d}: {_sum(year, years, by_heart=1)}; {shown(arrived)}", arrived


def _sum(a: int, b: int, by_heart: int) -> str:
    """``28+10=38``; digit by digit where ``b`` is more than what is known by heart."""
    return f"{a}{b:+d}={a + b}" if abs(b) <= by_heart else add(a, b)
