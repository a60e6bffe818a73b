"""The words of pages, mails and certificates in each language: catalogues, plural forms, dates and numbers."""
