"""Makes the built-in rules ready to be read at a start: builtin.toml, which people edit, as JSON.

Run after every edit of src/kodo/agent/permission/builtin.toml: python scripts/ready_rules.py
"""

from kodo.agent.permission.verdicts import READY, ready_rules

READY.write_bytes(ready_rules())
