"""Creation of Okta users for loaded accounts."""
