"""What all pages share: the reader's language, labels, formats, error pages, security headers."""
