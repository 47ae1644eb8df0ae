"""What PortOne and KG store and decide: functions over one SQLite database, in transactions without network calls.

`database`, `schema.sql`, `clock`, `options`, `faults` are the storage; `merchant`, `kg`, `monthly`, `outcomes`,
`refusals` the rules; `objects`, `entries`, `lookups`, `billing_keys`, `prepared_amounts` the records; `charges`,
`cancels`, `schedules`, `outbox` what happens to them.
"""
