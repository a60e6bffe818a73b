"""What is kept of people, for how long, and who may see it: erasure, holds, retention, subject access."""
