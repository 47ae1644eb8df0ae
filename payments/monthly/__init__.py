"""Billing keys, subscriptions and the monthly run, by KG's rules for recurring phone bill payments."""
