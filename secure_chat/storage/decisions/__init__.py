"""What becomes of each entry: one function for each kind, which looks at the draft, refuses by raising, then writes."""
