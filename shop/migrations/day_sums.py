"""Triggers that keep the sums of a day, on SQLite and on PostgreSQL. Only the migrations 0020 to 0030 need them.

A payment is summed under several names (facets): expressions over its row, and when they hold.
"""

import sqlalchemy as sa
from alembic import op

Facets = dict[str, str]

COUNTS = ("ready", "paid", "failed", "cancelled", "held")
SUMMED = ("status", "held_reason", "amount", "cancelled_amount", "created_at", "kind", "plan_id", "pg_provider")
SEOUL_DAY = {
    "sqlite": "date({row}.created_at, '+9 hours')",
    "postgresql": "CAST({row}.created_at + interval '9 hours' AS date)",
}
SUMS = (*COUNTS, "paid_won", "cancelled_won", "held_won")

KIND, PLAN = "'kind:' || {row}.kind", "'plan:' || {row}.plan_id"
PG, SHORT_PG = (f"'pg:' || substr({{row}}.pg_provider, 1, {most})" for most in (90, 60))
HAS_PLAN, HAS_PG = "{row}.plan_id IS NOT NULL", "{row}.pg_provider IS NOT NULL"

SINGLE = {"'all'": "true", KIND: "true", PLAN: HAS_PLAN, PG: HAS_PG}  # since 0020
COMBINED = {  # since 0021
    f"{KIND} || ' ' || {PLAN}": HAS_PLAN,
    f"{KIND} || ' ' || {SHORT_PG}": HAS_PG,
    f"{PLAN} || ' ' || {SHORT_PG}": f"{HAS_PLAN} AND {HAS_PG}",
    f"{KIND} || ' ' || {PLAN} || ' ' || {SHORT_PG}": f"{HAS_PLAN} AND {HAS_PG}",
}


def values_of(row: str) -> list[str]:
    """What one payment adds to each of the sums."""
    state = f"CASE WHEN {row}.held_reason IS NOT NULL THEN 'held' ELSE {row}.status END"
    counts = [f"CASE {state} WHEN '{name}' THEN 1 ELSE 0 END" for name in COUNTS]
    won = (("paid", "amount"), ("cancelled", "cancelled_amount"), ("held", "amount"))
    return [*counts, *(f"CASE {state} WHEN '{name}' THEN {row}.{column} ELSE 0 END" for name, column in won)]


def day_of(row: str) -> str:
    return SEOUL_DAY[op.get_bind().dialect.name].format(row=row)


def fill(facets: Facets) -> None:
    """Write the sums of the payments that are there already, one facet at a time."""
    sums = ", ".join(f"sum({value})" for value in values_of("payments"))
    parts = [
        f"SELECT {facet}, {day_of('payments')}, {sums} FROM payments WHERE {when} GROUP BY 1, 2".format(row="payments")
        for facet, when in facets.items()
    ]
    op.execute(f"INSERT INTO payment_days (facet, day, {', '.join(SUMS)}) " + " UNION ALL ".join(parts))


def added(row: str, facets: Facets) -> str:
    """The statement that adds one payment to the sums of its day."""
    named = " UNION ALL ".join(f"SELECT {facet} AS facet WHERE {when}" for facet, when in facets.items())
    return (
        f"INSERT INTO payment_days (facet, day, {', '.join(SUMS)}) "
        f"SELECT facet, {day_of(row)}, {', '.join(values_of(row))} FROM ({named.format(row=row)}) AS facets WHERE true "
        "ON CONFLICT (facet, day) DO UPDATE SET "
        + ", ".join(f"{name} = payment_days.{name} + excluded.{name}" for name in SUMS)
    )


def taken(row: str, facets: Facets) -> str:
    """The statement that takes one payment back out of them; where all sums were deleted nothing is left to do."""
    less = ", ".join(f"{name} = {name} - {value}" for name, value in zip(SUMS, values_of(row), strict=True))
    return (
        f"UPDATE payment_days SET {less} WHERE day = {day_of(row)} AND facet IN ({', '.join(facets).format(row=row)})"
    )


def create_triggers(facets: Facets) -> None:
    changes = f"UPDATE OF {', '.join(SUMMED)}"
    if op.get_bind().dialect.name == "sqlite":
        for name, when, rows in (
            ("insert", "INSERT", ["NEW"]),
            ("update", changes, ["OLD", "NEW"]),
            ("delete", "DELETE", ["OLD"]),
        ):
            body = "; ".join(taken(row, facets) if row == "OLD" else added(row, facets) for row in rows)
            op.execute(f"CREATE TRIGGER payment_days_{name} AFTER {when} ON payments BEGIN {body}; END")
        return
    op.execute(
        "CREATE FUNCTION payment_days_follow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP <> 'INSERT' THEN {taken('OLD', facets)}; END IF; "
        f"IF TG_OP <> 'DELETE' THEN {added('NEW', facets)}; END IF; "
        "RETURN NULL; END $$"
    )
    # At the commit: the day's row, which all payments of a day share, is locked last and for the shortest time.
    op.execute(
        f"CREATE CONSTRAINT TRIGGER payment_days_follow AFTER INSERT OR DELETE OR {changes} ON payments "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION payment_days_follow()"
    )


def drop_triggers() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name in ("insert", "update", "delete"):
            op.execute(f"DROP TRIGGER payment_days_{name}")
        return
    op.execute("DROP TRIGGER payment_days_follow ON payments")
    op.execute("DROP FUNCTION payment_days_follow()")


def create_table() -> None:
    op.create_table(
        "payment_days",
        sa.Column("facet", sa.String(100), primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in COUNTS),
        *(sa.Column(f"{name}_won", sa.BigInteger(), nullable=False) for name in ("paid", "cancelled", "held")),
    )
