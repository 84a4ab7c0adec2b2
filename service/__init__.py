"""Lets people keep their password while their accounts move to Okta."""
