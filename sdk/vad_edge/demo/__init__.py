"""The demo that ships with the package: bundle, clip and sensor recording, all synthetic."""
