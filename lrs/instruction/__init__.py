"""Teaching and assessing by people: sessions with seats, rubrics, and what is signed off as statements."""
