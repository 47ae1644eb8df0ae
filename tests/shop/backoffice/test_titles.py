"""What a payment's title is called in the reader's language."""

import pytest
from flask import Flask
from flask_babel import force_locale

from shop.backoffice.titles import titles


@pytest.mark.parametrize(
    ("title", "told"),
    [
        ("달 머그컵", "Moon mug"),
        ("달 머그컵 외 2건", "Moon mug and 2 more"),
        ("월간 읽기 이용권", "Reading pass, monthly"),
        ("월간 읽기 이용권 11월", "Reading pass, monthly, November"),
        ("월간 읽기 이용 3월", "Reading pass, monthly, March"),
        ("옛날 물건", "옛날 물건"),
        ("옛날 물건 13월", "옛날 물건 13월"),
    ],
)
def test_a_title_is_told_with_the_names_of_the_catalogue(title: str, told: str, app: Flask, shop: object) -> None:
    with app.test_request_context():
        with force_locale("en"):
            assert titles()(title) == told
        with force_locale("ko"):
            assert titles()(title) == title
