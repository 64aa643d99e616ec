"""Lowering of C and C++: `module.lower_c` and `module.lower_cpp` are the entries."""
