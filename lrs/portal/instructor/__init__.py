"""Pages of instructors and assessors: sessions and their rosters, rubrics, what is signed off."""
