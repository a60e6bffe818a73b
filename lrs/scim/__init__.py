"""Provisioning by SCIM 2.0 (RFC 7643, RFC 7644): a directory of an organization keeps its people here."""
