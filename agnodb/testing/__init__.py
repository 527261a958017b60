"""What proves a backend: real servers, a counting proxy, a pytest plugin. Importing it loads none."""
