"""Playing cases against one shop, and how each ended."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import requests

from .cases import Case
from .play import PATIENCE_SECONDS, Buyers, Play, Step
from .portone import PortOne
from .shopfile import ShopFile
from .trouble import Broken, Ended, NotDescribed

OK, BROKEN, UNPLAYABLE, NOT_DESCRIBED = "ok", "broken", "unplayable", "not_described"


@dataclass(frozen=True)
class Result:
    """How a case ended. `key` and `facts` name a text of `seen_texts.py`: what was seen, or a remark; "" for none."""

    case: Case
    state: str
    key: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    job_output: str = ""
    seconds: float = 0.0

    @property
    def fails(self) -> bool:
        return self.state in (BROKEN, UNPLAYABLE)


class Run:
    """Plays cases against one shop. Buyers whose cases ended well serve later ones."""

    def __init__(
        self, shop: ShopFile, http: requests.Session, portone: PortOne, patience: float = PATIENCE_SECONDS
    ) -> None:
        self.shop, self.portone = shop, portone
        self._http, self._patience, self._buyers = http, patience, Buyers()

    def play(self, case: Case) -> Result:
        """Play one case; once more with new buyers if it does not end well with those of earlier cases."""
        result, reused = self._once(case, fresh=False)
        if result.fails and reused:
            result, _ = self._once(case, fresh=True)
        return result

    def _once(self, case: Case, *, fresh: bool) -> tuple[Result, bool]:
        play = Play(self.shop, self._http, self.portone, self._buyers, fresh, self._patience)
        began = time.monotonic()
        state, key, facts = _ended(case, play)
        play.delete_keys()
        if state == OK:
            self._buyers.free += play.used
        took = time.monotonic() - began
        return Result(case, state, key, facts, tuple(play.steps), play.job_output, took), play.reused


def _ended(case: Case, play: Play) -> tuple[str, str, Mapping[str, object]]:
    try:
        case.play(play)
    except NotDescribed as error:
        return NOT_DESCRIBED, error.key, error.facts
    except Broken as error:
        return BROKEN, error.key, error.facts
    except Ended as error:
        return UNPLAYABLE, error.key, error.facts
    return OK, play.remark, {}
