"""Commands about what was learned: statements, content, reports."""
