"""What answers are made of: intervals, zones, columns and cells, drawings."""
