"""What is bought: tables, products, cart, orders and their stock, and the catalogue of a fresh shop."""
