"""The texts of one case in one language."""

from typing import NamedTuple


class CaseText(NamedTuple):
    """`story`: what is played. `loss`: two sentences on what a merchant loses. `right`: what a right shop does."""

    title: str
    story: str
    loss: str
    right: str
