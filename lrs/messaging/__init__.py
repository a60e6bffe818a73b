"""Notices by mail, webhooks, delivery, consumers of the event feed."""
