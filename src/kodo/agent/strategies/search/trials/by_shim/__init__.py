"""Trials of C, C++ and Java tests: the command itself, its compilers called once for a build."""
