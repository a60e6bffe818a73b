"""What requests bring: their syntax, encodings, parts, and what is made of faults."""
