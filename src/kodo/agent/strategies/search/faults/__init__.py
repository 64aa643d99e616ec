"""Where a fault is and how it shows: failures, suspects, checks that make it visible."""
