"""PortOne V1's REST API: tokens, payments, billing keys, schedules."""
