"""Back office for staff: lists, figures, one payment's timeline, cancels, exports, the monthly run."""
