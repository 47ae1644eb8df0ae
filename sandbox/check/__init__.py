"""`portone-sandbox check`: plays buyers, attackers and outages against a shop that a small file describes."""
