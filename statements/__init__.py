"""The xAPI domain: parse, validate, prepare, store, query, present, documents.

A request comes in by `statements.parse` and `statements.ingest.store_statements`; it goes out by
`statements.query.StatementQuery`, `statements.store.StatementStore` and `statements.present`. State and
profiles are `statements.documents.DocumentStore`. Errors are those of `statements.errors`.
"""
