"""Billing keys and subscriptions: KG's rules for charging a phone bill again every month."""
