"""Pages of their own for learners (`/me`) and for the managers of partners (`/partner`)."""
