"""MongoDB: statements, references and voiding, documents, attachments, definitions, transactions."""
