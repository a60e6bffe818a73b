"""The xAPI domain: parse, validate, prepare, store, query, present, documents.

A request comes in by `parsing.parse` and `ingest.store_statements`; it goes out by `query.parameters`,
`storage.store` and `query.present`. State and profiles are `storage.documents`. Errors are those of `errors`.
"""
