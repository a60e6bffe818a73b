"""Routes about what was learned: content and launches, questions and reports, what was refused."""
