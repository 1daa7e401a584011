"""The pages, one module for each noun. A page fetches with the right to see, guards, acts through services, answers."""
