"""An Okta org on loopback, for trying and testing. Knows of the service only Okta's words, `service.okta`."""
