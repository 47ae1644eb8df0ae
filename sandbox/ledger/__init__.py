"""What PortOne and KG know, and KG's rules: functions over one SQLite database."""
