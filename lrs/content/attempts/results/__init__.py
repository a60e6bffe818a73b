"""What a run came to: scores, durations, responses, and what follows from those of parts."""
