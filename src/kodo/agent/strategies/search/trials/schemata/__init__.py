"""Many proposals in one build, told apart when the tests run (mutant schemata)."""
