"""Routes of instructors: sessions and bookings, rubrics, what is signed off."""
