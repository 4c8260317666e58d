"""What builds the pages that nobody writes by hand."""
