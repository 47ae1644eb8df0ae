"""The buyer's pages (products, cart, checkout, orders, account, subscriptions, legal texts), and the rate limits."""
