"""The page in the browser, where one or two networks learn and can be looked into."""
