"""What comes in from files: statements and documents, also of other stores."""
