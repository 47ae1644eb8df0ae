"""Work that is done by many threads at the same moment."""

import threading
from collections.abc import Callable
from typing import Any

from flask import Flask


def at_once(app: Flask, work: Callable[[], Any], times: int) -> list[Any]:
    """The results of `work` done by many threads that start together, each in an app context of its own."""
    return all_at_once(app, *[work] * times)


def all_at_once(app: Flask, *acts: Callable[[], Any]) -> list[Any]:
    """The same for different acts."""
    gate = threading.Barrier(len(acts))
    results: list[Any] = []

    def run(act: Callable[[], Any]) -> None:
        with app.app_context():
            gate.wait()
            results.append(act())

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(acts)
    return results


def beside(app: Flask, work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """`work` begun in a thread of its own; its result or its exception, when it is done."""
    results: list[Any] = []

    def run() -> None:
        with app.app_context():
            try:
                results.append(work())
            except Exception as error:
                results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results
