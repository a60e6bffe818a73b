"""What a statement passes before it is stored: validation, signatures, attachments, preparation. Pure."""
