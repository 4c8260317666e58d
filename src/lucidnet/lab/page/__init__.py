"""The page in the browser: a network learns, or two side by side, and one looks inside."""
