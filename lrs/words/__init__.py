"""The words of pages, mails and certificates in each language: catalogues, plurals, dates, numbers."""
