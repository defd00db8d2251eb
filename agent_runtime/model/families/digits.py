"""Worked integer arithmetic as text: sums, differences, products and quotients digit by digit, smallest digit
first, with carries.

Every step states its operands, so that each new digit depends on a few tokens nearby. Knows no task family.
"""

from __future__ import annotations


def signed(value: int) -> str:
    """The number with its sign written out: ``+7``, ``-3``."""
    return f"{value:+d}"


def column_sum(a: int, b: int) -> str:
    """Digit steps of a + b, both ≥ 0: ``2+9=11,7+8+1=16``."""
    left, right, carry, steps = str(a)[::-1], str(b)[::-1], 0, []
    for place in range(max(len(left), len(right))):
        x = left[place] if place < len(left) else "0"
        y = right[place] if place < len(right) else "0"
        total = int(x) + int(y) + carry
        steps.append(f"{x}+{y}{'+1' if carry else ''}={total}")
        carry = total // 10
    return ",".join(steps)


def column_difference(a: int, b: int) -> str:
    """Digit steps of a - b for a ≥ b ≥ 0; a borrow is marked ``b``: ``2-4=8b,4-1-1=2``."""
    left, right, borrow, steps = str(a)[::-1], str(b)[::-1], 0, []
    for place, x in enumerate(left):
        y = right[place] if place < len(right) else "0"
        total = int(x) - int(y) - borrow
        steps.append(f"{x}-{y}{'-1' if borrow else ''}={total % 10}{'b' if total < 0 else ''}")
        borrow = 1 if total < 0 else 0
    return ",".join(steps)


def add(a: int, b: int) -> str:
    """Worked sum of two signed numbers, ending in ``=result``."""
    total = a + b
    if abs(a) < 10 and abs(b) < 10:
        return f"{a}{signed(b)}={total}"
    if (a < 0) == (b < 0):
        size_a, size_b = abs(a), abs(b)
        work = f"{'-' if a < 0 else ''}({size_a}+{size_b}):{column_sum(size_a, size_b)}"
    else:
        big, small = (a, b) if abs(a) >= abs(b) else (b, a)
        work = f"{'-' if big < 0 else ''}({abs(big)}-{abs(small)}):{column_difference(abs(big), abs(small))}"
    return f"{a}{signed(b)}={work}={total}"


def _times_digit(a: int, digit: int) -> str:
    carry, steps = 0, []
    for x in str(a)[::-1]:
        total = int(x) * digit + carry
        steps.append(f"{x}*{digit}={int(x) * digit}" + (f"+{carry}={total}" if carry else ""))
        carry = total // 10
    return ",".join(steps) + f"={a * digit}"


def multiply(a: int, b: int) -> str:
    """Worked product of two signed numbers, one row per digit of the shorter factor, rows added as they come."""
    product = a * b
    if abs(a) < 10 and abs(b) < 10:
        return f"{a}*{b}={product}"
    long, short = abs(a), abs(b)
    if len(str(short)) > len(str(long)):
        long, short = short, long
    text = f"{a}*{b}={'-' if product < 0 else ''}({long}*{short}):"
    if short < 10:
        return f"{text}{_times_digit(long, short)}={product}"
    running = 0
    for place, digit in enumerate(str(short)[::-1]):
        row = long * int(digit) * 10**place
        text += ("" if place == 0 else " ") + _times_digit(long, int(digit))
        if place:
            text += f"={row} {running}+{row}:{column_sum(running, row)}={running + row}"
        running += row
    return f"{text}={product}"


def divide(a: int, digit: int) -> str:
    """Worked exact quotient a / digit for 2 ≤ digit ≤ 9, from the first digit down:
    ``72/4:7=4*1+3,32=4*8+0=18``.
    """
    rest, steps = 0, []
    for x in str(a):
        value = rest * 10 + int(x)
        rest = value % digit
        steps.append(f"{value}={digit}*{value // digit}+{rest}")
    if rest:
        raise ValueError(f"{a} is not divisible by {digit}")
    return f"{a}/{digit}:{','.join(steps)}={a // digit}"
