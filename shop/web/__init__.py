"""Shared code of all pages: the reader's language, labels, formats, error pages, security headers."""
