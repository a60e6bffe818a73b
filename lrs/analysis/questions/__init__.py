"""What is asked again and again: saved questions, dashboards of them, alerts of their figures."""
