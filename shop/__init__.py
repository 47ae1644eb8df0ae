"""The demo store around `payments/`. Imports run downwards only:

`demo → operations → backoffice → storefront → web → orders → payments`

Start reading at `storefront/checkout.py` (`checkout`) and follow the money:
`storefront/checkout → orders/orders → payments/sync → payments/portone/client` on the way out,
`payments/endpoints → payments/sync → payments/record` on the way back.
"""
