"""Models with a likelihood: likelihoods, posteriors, priors, and what trains them."""
