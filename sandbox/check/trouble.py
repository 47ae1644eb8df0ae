"""How a case may end other than well. Each carries the key of a text of `seen_texts.py` and the facts in it."""


class Ended(Exception):
    """A case that does not go on."""

    def __init__(self, key: str, **facts: object) -> None:
        super().__init__(key)
        self.key, self.facts = key, facts


class Broken(Ended):
    """The shop did what costs a merchant money, or goods, or a buyer."""


class Unplayable(Ended):
    """A step found nothing, or nobody answered: the case says nothing about the shop."""


class NotDescribed(Ended):
    """The shop's file does not describe what the case needs."""

    def __init__(self, section: str) -> None:
        super().__init__("not_described", section=section)
