"""The table in the terminal, of at most 100 columns, and JUnit XML for CI."""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from xml.etree import ElementTree

from .cases import CASES
from .run import BROKEN, NOT_DESCRIBED, OK, UNPLAYABLE, Result
from .texts import answered, case_text, note, seen, word

COLUMNS = 100
NAME_COLUMNS, TITLE_COLUMNS, LABEL_COLUMNS = 23, 44, 14
MOST_OUTPUT_LINES = 10
MARKS = {OK: "✓", BROKEN: "✗", UNPLAYABLE: "!", NOT_DESCRIBED: "–"}
COLOURS = {OK: "32", BROKEN: "31", UNPLAYABLE: "33", NOT_DESCRIBED: "2"}


class Report:
    """Lines of a run in one language, coloured for a terminal that shows colours."""

    def __init__(self, language: str, *, coloured: bool = False) -> None:
        self._language, self._coloured = language, coloured
        self._group = ""

    def row(self, result: Result) -> Iterator[str]:
        """The table's line of a case, after its group's name where a group begins."""
        if result.case.group != self._group:
            self._group = result.case.group
            yield ""
            yield word(self._group, self._language)
        name, state = result.case.name, word(result.state, self._language)
        if result.state == NOT_DESCRIBED:
            state = f"{state}  {seen(result, self._language)}"
        title = fitted(case_text(name, self._language).title, TITLE_COLUMNS)
        yield self._colour(result.state, f"  {MARKS[result.state]} {fitted(name, NAME_COLUMNS)}{title}{state}")

    def ending(self, results: Sequence[Result], *, verbose: bool) -> Iterator[str]:
        """The sum, and more about the cases that failed, or about all."""
        yield from ["", self._sum(results)]
        for result in results:
            has_more = result.fails or (result.state == OK and bool(verbose or result.key))
            if has_more:
                yield from self._about(result, with_steps=verbose)
        if results and not any(result.state in (OK, NOT_DESCRIBED) for result in results):
            yield from ["", word("all_fail", self._language)]
        if not verbose and any(result.fails for result in results):
            yield from ["", word("hint", self._language)]

    def _sum(self, results: Sequence[Result]) -> str:
        counts = Counter(result.state for result in results)
        numbers = {state: counts[state] for state in MARKS}
        return word("sum", self._language, all=len(results), **numbers)

    def _about(self, result: Result, *, with_steps: bool) -> Iterator[str]:
        texts = case_text(result.case.name, self._language)
        yield ""
        yield self._colour(result.state, f"{MARKS[result.state]} {result.case.name}  {texts.title}")
        told = {"seen": seen(result, self._language)}
        if result.state == BROKEN:
            told |= {"loss": texts.loss, "right": texts.right}
        for name, text in told.items():
            if text:
                yield from labelled(word(name, self._language), text)
        if result.fails and result.job_output:
            yield from labelled(word("output", self._language), "")
            for line in result.job_output.splitlines()[:MOST_OUTPUT_LINES]:
                yield from wrapped(line, "    ")
        if with_steps and result.steps:
            yield from labelled(word("steps", self._language), "")
            yield from self._steps(result)

    def _steps(self, result: Result) -> Iterator[str]:
        last = ""
        for step in result.steps:
            if step.note != last:
                last = step.note
                yield f"    {note(last, self._language)}"
            yield from wrapped(step.request, "      ")
            if step.answer:
                yield from wrapped(f"→ {answered(step, self._language)}", "        ")

    def _colour(self, state: str, line: str) -> str:
        return f"\033[{COLOURS[state]}m{line}\033[0m" if self._coloured else line


def listed(language: str) -> Iterator[str]:
    """All cases with what they need."""
    group = ""
    for case in CASES.values():
        if case.group != group:
            yield from [""] if group else []
            group = case.group
            yield word(group, language)
        about = [*case.needs, *(word(name, language) for name in ("moves_clock", "disturbs") if getattr(case, name))]
        line = f"  {fitted(case.name, NAME_COLUMNS)}{fitted(case_text(case.name, language).title, TITLE_COLUMNS)}"
        told = ", ".join(about)
        if columns(line + told) > COLUMNS:
            yield line.rstrip()
            line = " " * (2 + NAME_COLUMNS)
        yield f"{line}{told}".rstrip()


# --- columns: Hangul takes two ---


def columns(text: str) -> int:
    """How many columns a text takes in a terminal."""
    return sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)


def fitted(text: str, width: int) -> str:
    """The text in so many columns, a blank at its end."""
    while columns(text) >= width:
        text = f"{text[:-2]}…"
    return text + " " * (width - columns(text))


def labelled(label: str, text: str) -> Iterator[str]:
    """A label, and beside it the text in lines; without a text, the label of what stands below it."""
    lines = list(wrapped(text, " " * (LABEL_COLUMNS + 2)))
    yield f"  {fitted(label, LABEL_COLUMNS)}{lines[0].strip()}" if lines else f"  {label}"
    yield from lines[1:]


def wrapped(text: str, indent: str) -> Iterator[str]:
    """The text in indented lines of at most COLUMNS; a word that is longer is cut."""
    line = indent
    for given in text.split():
        word_left = given
        while columns(line) + columns(word_left) > COLUMNS:
            if line != indent:
                yield line.rstrip()
                line = indent
                continue
            room = COLUMNS - len(indent)
            while columns(word_left[:room]) > COLUMNS - len(indent):
                room -= 1
            yield indent + word_left[:room]
            word_left = word_left[room:]
        line += f"{word_left} "
    if line != indent:
        yield line.rstrip()


# --- JUnit ---


def junit(results: Sequence[Result], shop: str, language: str) -> str:
    """The results as JUnit XML: broken is a failure, unplayable an error, not described is skipped."""
    counts = Counter(result.state for result in results)
    suite = ElementTree.Element(
        "testsuite",
        name=_clean(f"portone-sandbox check {shop}"),
        tests=str(len(results)),
        failures=str(counts[BROKEN]),
        errors=str(counts[UNPLAYABLE]),
        skipped=str(counts[NOT_DESCRIBED]),
        time=f"{sum(result.seconds for result in results):.3f}",
    )
    for result in results:
        _add_case(suite, result, language)
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _add_case(suite: ElementTree.Element, result: Result, language: str) -> None:
    texts, said = case_text(result.case.name, language), _clean(seen(result, language))
    case = ElementTree.SubElement(
        suite, "testcase", classname=f"check.{result.case.group}", name=result.case.name, time=f"{result.seconds:.3f}"
    )
    if result.state == NOT_DESCRIBED:
        ElementTree.SubElement(case, "skipped", message=f"{word(NOT_DESCRIBED, language)}: {said}")
    elif result.fails:
        child = ElementTree.SubElement(case, "failure" if result.state == BROKEN else "error", message=said)
        child.text = _clean("\n".join([texts.title, said, texts.loss, texts.right, result.job_output]).strip())
    lines = [f"{note(step.note, language)}: {step.request} → {answered(step, language)}" for step in result.steps]
    if lines:
        ElementTree.SubElement(case, "system-out").text = _clean("\n".join(lines))


def _clean(text: str) -> str:
    """The text without characters that XML cannot hold."""
    return "".join(each for each in text if each in "\t\n" or _is_xml(ord(each)))


def _is_xml(number: int) -> bool:
    return 0x20 <= number < 0xD800 or 0xE000 <= number < 0xFFFE or number > 0xFFFF
