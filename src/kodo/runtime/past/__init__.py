"""Looking back at sessions: what stands in the window, stepping back, running again."""
