"""Public pages, registry, verification, badge art, certificates, consent, keys."""
