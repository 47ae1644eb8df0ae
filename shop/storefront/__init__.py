"""What a buyer sees: products, cart, checkout, orders, account, subscriptions, legal pages; and the rate limits."""
