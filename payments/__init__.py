"""Phone-bill payments (KG Mobilians) through PortOne V1: take the money, record it, give it back.

In reading order:

`endpoints.py`    callback, redirect, webhook, confirm: each only causes a look-up
`attempts.py`     open an attempt to pay, after a look-up of the earlier ones
`sync.py`         ask PortOne what became of a payment
`decision.py`     what a report means for a payment; pure
`record.py`       write the decision and what follows from it, in one transaction
`cancel.py`       give the money of a payment back
`sweep.py`        look up what is still open (`flask sync`)
`reconcile.py`    compare our payments with PortOne's (`flask reconcile`)
`portone/`        PortOne V1: reports and errors, the REST client and its HTTP transport, the parameters of
                  `IMP.request_pay`, error codes
`monthly/`        billing keys, subscriptions, and the monthly run (`flask bill`)

Used by all of them: `models.py` (the tables), `settings.py`, `database.py` (transactions), `clock.py` (business time),
`events.py` (the event log), `signals.py` (signals for logs and metrics), `privacy.py` (masking).
"""
