"""The vulnerability engine: lowering, interpreter, rules, report; knows text, not agents."""
