"""Browsers inside apps (KakaoTalk, Naver, Instagram), recognised by their user agent.

Popups and the way back from the payment window differ there. A guess that is wrong costs nothing: the cart shows one
more sentence, and `confirm_url`, a check before the approval, is left out or sent.
"""

# What the user agents of these apps hold, in lower case.
SIGNS = {"kakaotalk": "kakaotalk", "naver": "naver(inapp", "instagram": "instagram "}


def in_app_browser(user_agent: str) -> str | None:
    """Return the app whose browser this is (a label key of kind `in_app`), or None."""
    return next((name for name, sign in SIGNS.items() if sign in user_agent.lower()), None)


def takes_confirm_url(user_agent: str) -> bool:
    """Return whether `confirm_url` may be sent: PortOne's help says that it cannot be used inside Instagram.

    UNVERIFIED: what happens if it is sent there all the same.
    """
    return in_app_browser(user_agent) != "instagram"
