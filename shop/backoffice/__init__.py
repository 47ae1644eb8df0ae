"""What staff see and may do: lists, figures, one payment's timeline, cancels, exports, the monthly run."""
