"""The worker: one long-lived process beside Slicer that holds the model and the opened cases, and draws when asked."""
