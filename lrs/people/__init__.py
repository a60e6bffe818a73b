"""People, affiliations, merges, rosters, invitations, groups, erasure."""
