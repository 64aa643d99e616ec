"""Analyses that data flow is not: `memory` follows sizes, offsets and freed blocks of C and C++."""
