"""What a change of rules would do, its application, and looking at the past afterwards."""
