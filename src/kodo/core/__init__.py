"""Values and Protocols that every room speaks. No behaviour beyond pure bookkeeping."""
