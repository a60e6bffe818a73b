"""What keeps people learning: points, boards, milestones, questions that come back, what others did next."""
