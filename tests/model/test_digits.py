"""Worked arithmetic: every step that the text states is true, and the last one is the result."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.model.families import digits

NUMBERS = st.integers(-99_999, 99_999)


def stated_equations_hold(text: str) -> bool:
    """Checks each ``a op b [op c]=d`` of single columns; ``b`` marks a borrow and divisions state
    ``n=q*d+r``.
    """
    for left, right, borrow in re.findall(r"(?<![\d()])(\d[-+*]\d+(?:[-+]\d+)?)=(\d+)(b?)", text):
        value = eval(left)  # digits and operators only, by the pattern above
        if value + (10 if borrow else 0) != int(right):
            return False
    return True


@given(NUMBERS, NUMBERS)
def test_sums_end_in_their_result(a: int, b: int) -> None:
    text = digits.add(a, b)
    assert text.startswith(f"{a}{b:+d}=")
    assert text.endswith(f"={a + b}")
    assert stated_equations_hold(text.split(":", 1)[-1].rsplit("=", 1)[0] if ":" in text else text)


@given(NUMBERS, NUMBERS)
def test_products_end_in_their_result(a: int, b: int) -> None:
    text = digits.multiply(a, b)
    assert text.startswith(f"{a}*{b}=")
    assert text.endswith(f"={a * b}")


@given(st.integers(1, 99_999), st.integers(2, 9))
def test_quotients_end_in_their_result(quotient: int, digit: int) -> None:
    text = digits.divide(quotient * digit, digit)
    assert text.endswith(f"={quotient}")
    for value, divisor, part, rest in re.findall(r"(\d+)=(\d)\*(\d+)\+(\d)", text):
        assert int(value) == int(divisor) * int(part) + int(rest)


def test_the_notation_is_the_one_the_model_was_taught() -> None:
    assert digits.add(-14, 42) == "-14+42=(42-14):2-4=8b,4-1-1=2=28"
    assert digits.add(-20, -5) == "-20-5=-(20+5):0+5=5,2+0=2=-25"
    assert digits.multiply(-64, 3) == "-64*3=-(64*3):4*3=12,6*3=18+1=19=192=-192"
    assert digits.divide(72, 4) == "72/4:7=4*1+3,32=4*8+0=18"


def test_an_uneven_share_is_an_error() -> None:
    with pytest.raises(ValueError, match="not divisible"):
        digits.divide(7, 2)
