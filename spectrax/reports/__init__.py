"""Reports: run directories read, compared, and written as tables and a page."""
