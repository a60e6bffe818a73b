"""The xAPI domain: parse, validate, prepare, store, query, present, documents."""
