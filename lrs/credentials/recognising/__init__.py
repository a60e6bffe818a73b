"""Credentials of other issuers as evidence: brought by their holders, told as statements, taken back."""
