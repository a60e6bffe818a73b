"""Points, boards, milestones, questions that come back, what others did next: functions of facts and time."""
