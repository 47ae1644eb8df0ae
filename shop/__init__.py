"""The merchant: everything that a shop needs to take phone-bill payments through PortOne V1.

Start reading at `store.py` (a buyer presses "pay") and follow the money:
`store → orders → payments → portone` on the way out, `results → payments → portone` on the way back
(`orders` reads the cart in `cart.py`, and takes out of it what was paid).
"""
