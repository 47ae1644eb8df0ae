"""Orders: tables, products, cart, orders and their stock, and the catalogue of a new shop."""
