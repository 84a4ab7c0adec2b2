"""Pages to try the org by hand: plain HTML that works without JavaScript."""
