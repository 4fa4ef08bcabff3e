"""Who works where, as what, and what each member lets the others read about it."""
