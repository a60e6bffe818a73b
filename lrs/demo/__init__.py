"""The living example of `lrs serve --demo`: partners, people, rules and two years of statements."""
