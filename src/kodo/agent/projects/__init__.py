"""What kind of project a workspace is, how its tests are run, and what their output says."""
