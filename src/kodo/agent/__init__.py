"""The agent: the loop, its budget and policy, and the strategies that drive a model."""
