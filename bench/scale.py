"""What the shop carries, computed from the benchmark's figures: `make bench` writes it as a table into both documents.

Each line is a figure of the same run times an assumption below; a figure that was not measured is shown as a dash.
"""

from collections.abc import Callable
from math import floor, log10
from typing import Any

from app import KEPT_CONNECTIONS

BUSIEST_HOUR = 0.1  # of a day's purchases
DAYS = 30
NIGHT_HOURS = 6
AT_A_TIME, SLOW_SECONDS = 16, 1  # charges in flight; how long one takes on a slow night
CONNECTIONS = 97  # of PostgreSQL: `max_connections` is 100, three are kept for administrators
OF_A_PROCESS = 2 * KEPT_CONNECTIONS  # kept, and as many again under load
MEMORY_GIB = 8  # of the database server

Facts = dict[str, float]


def per_month(a_second: float) -> float:
    """Return the purchases of a month whose busiest hours are full."""
    return a_second * 3600 / BUSIEST_HOUR * DAYS


def most_processes() -> int:
    """Return how many processes PostgreSQL has connections for."""
    return CONNECTIONS // OF_A_PROCESS


def purchases(key: str) -> Callable[[Facts], str]:
    return lambda facts: f"{facts[key]:.0f}/s, {rounded(per_month(facts[key]))}"


LINES: tuple[tuple[str, str, Callable[[Facts], str]], ...] = (
    (
        "purchases of one process, PortOne answers in 50 ms: a second, a month",
        "프로세스 하나의 구매, 포트원이 50 ms에 대답할 때: 초당, 한 달",
        purchases("purchases_at_50_ms"),
    ),
    (
        "purchases on PostgreSQL by one process, everything on two cores",
        "PostgreSQL에서 프로세스 하나의 구매, 모두 코어 두 개에서",
        purchases("purchases_on_postgresql"),
    ),
    (
        "purchases on PostgreSQL by two processes, everything on two cores",
        "PostgreSQL에서 프로세스 둘의 구매, 모두 코어 두 개에서",
        purchases("purchases_by_two"),
    ),
    (
        "callbacks of one process at most, a second",
        "프로세스 하나가 받는 콜백의 최대, 초당",
        lambda facts: f"{facts['callbacks_per_second']:.0f}/s",
    ),
    (
        f"subscriptions of one night ({NIGHT_HOURS} hours), {AT_A_TIME} at a time; more need Celery's workers",
        f"하룻밤({NIGHT_HOURS}시간)의 구독, 한 번에 {AT_A_TIME}건; 넘으면 Celery 작업자",
        lambda facts: rounded(facts[f"charges_per_second_by_{AT_A_TIME}"] * NIGHT_HOURS * 3600),
    ),
    (
        f"the same, when PortOne takes {SLOW_SECONDS} s for a charge",
        f"같은 것, 포트원이 청구 한 건에 {SLOW_SECONDS}초 걸릴 때",
        lambda _facts: rounded(AT_A_TIME / SLOW_SECONDS * NIGHT_HOURS * 3600),
    ),
    (
        f"memory of {most_processes()} processes",
        f"프로세스 {most_processes()}개의 메모리",
        lambda facts: f"{facts['worker_mib'] * most_processes():.0f} MiB",
    ),
    (
        f"processes whose connections PostgreSQL has ({OF_A_PROCESS} each of {CONNECTIONS}); more need pgbouncer",
        f"PostgreSQL의 연결이 닿는 프로세스 수({CONNECTIONS}개 중 각 {OF_A_PROCESS}개); 넘으면 pgbouncer",
        lambda _facts: str(most_processes()),
    ),
    (
        f"payments whose indexes fit into {MEMORY_GIB} GiB of memory; more need partitions by month",
        f"색인이 메모리 {MEMORY_GIB} GiB에 들어가는 결제 수; 넘으면 월별 파티션",
        lambda facts: rounded(MEMORY_GIB * 2**30 / facts["index_bytes_of_a_payment"]),
    ),
)


def facts_of(lines: list[dict[str, Any]]) -> Facts:
    """Return the facts of all rows."""
    return {name: value for line in lines for name, value in line["facts"].items()}


def as_markdown(facts: Facts, *, korean: bool) -> str:
    """Return the table in one language."""
    rows = [("무엇", "계산한 값") if korean else ("what", "computed"), ("---", "---")]
    for english, other, compute in LINES:
        try:
            told = compute(facts)
        except KeyError:
            told = "–"
        rows.append((other if korean else english, told))
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)


def rounded(number: float) -> str:
    """Return a number with its first two digits."""
    digits = 1 - floor(log10(number)) if number else 0
    return f"{round(number, digits):,.0f}"
